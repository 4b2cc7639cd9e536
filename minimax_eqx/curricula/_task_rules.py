"""How often each of a fixed list of tasks is played, by how it went."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._ranges import check_between, check_positive
from .._types import Scalar
from ._chances import rank
from ._task_records import TaskRecords


class AbstractTaskRule(eqx.Module):
    """How likely each task is to be played. To write one, fill in `weights`."""

    @abc.abstractmethod
    def weights(self, records: TaskRecords) -> Float[Array, " task"]:
        """A weight for each task, at least 0, not normalised; if all are 0, all count alike.

        What you give for a task that is not `measured` does not matter: until it is, it counts as
        much as the task that counts most.
        """


class AllAlike(AbstractTaskRule):
    """Every task is equally likely."""

    def weights(self, records: TaskRecords) -> Float[Array, " task"]:
        return jnp.ones_like(records.returns)


class ByProgress(AbstractTaskRule):
    """In proportion to learning progress: how far the mean return has lately moved, up or down.

    What is mastered and what is out of reach both rest, and what is being forgotten comes back
    (absolute learning progress, arXiv 1707.00183 and 1910.07224).
    """

    def weights(self, records: TaskRecords) -> Float[Array, " task"]:
        return records.progress


class WorstFirst(AbstractTaskRule):
    """Weight `(1 / (1 + place)) ** (1 / temperature)`; the lowest mean return has place 0.

    For worst-case performance. A task that nobody can solve stays the worst for ever, so leave such
    tasks out of the list.
    """

    temperature: Scalar = 1.0
    """The lower, the more the worst tasks are preferred."""

    def __check_init__(self) -> None:
        check_positive(self, "temperature")

    def weights(self, records: TaskRecords) -> Float[Array, " task"]:
        returns = jnp.where(records.measured, records.returns, jnp.inf)
        places = rank(-returns).astype(jnp.float32)
        return jnp.exp(-jnp.log1p(places) / self.temperature)


class SuccessWindow(AbstractTaskRule):
    """The tasks that are solved now and then are equally likely, and the others rest."""

    low: Scalar = 0.1
    """Success rate below which a task is too hard yet."""
    high: Scalar = 0.9
    """Success rate above which a task is mastered."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "low", "high")

    def weights(self, records: TaskRecords) -> Float[Array, " task"]:
        solved = records.successes
        if solved is None:
            raise ValueError(
                "SuccessWindow goes by successes, and the environment does not say what success "
                "is: say from which return on an episode is one, as in Experiment(..., "
                "success_return=10.0), or choose another rule, such as ByProgress()."
            )
        return ((solved >= self.low) & (solved <= self.high)).astype(jnp.float32)
