"""What a quantity that anneals goes by: steps, or the share of the run that is over."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least, check_between
from .._types import Scalar


class AbstractAnnealing(eqx.Module):
    """How far something that anneals is on its way, such as a learning rate.

    An optimiser calls it in every step.
    """

    @property
    @abc.abstractmethod
    def num_steps(self) -> int | None:
        """After how many steps it arrives; None if steps do not tell."""

    @abc.abstractmethod
    def __call__(self, num_steps: Int[Array, ""]) -> Float[Array, ""]:
        """How far it is after that many steps: 0 at the beginning, 1 when it has arrived."""


class OverSteps(AbstractAnnealing):
    """Anneals over a number of gradient steps: after `n` of them it is at `n / anneal_steps`.

    Raises `ValueError` for a number below 1.
    """

    anneal_steps: int
    """Gradient steps until it arrives, epochs times minibatches for each update."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "anneal_steps")

    @property
    def num_steps(self) -> int:
        return self.anneal_steps

    def __call__(self, num_steps: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.minimum(num_steps.astype(jnp.float32) / self.anneal_steps, 1.0)


class OverRun(AbstractAnnealing):
    """Anneals over the whole run, however long that is: in time, if it has a budget, as *Cramming*
    does it (Geiping and Goldstein 2022, arXiv 2212.14034), or else in updates.

    The run sets `share` between log intervals, in every `OverRun` of its experiment. A part of
    yours that should follow the run as well holds one in a field and reads its `share`.

    Raises `ValueError` for a share that is not between 0 and 1.
    """

    share: Scalar = 0.0
    """Share of the run that is over; the run itself sets it."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "share")

    @property
    def num_steps(self) -> None:
        return None

    def __call__(self, num_steps: Int[Array, ""]) -> Float[Array, ""]:
        del num_steps
        return jnp.asarray(self.share, jnp.float32)
