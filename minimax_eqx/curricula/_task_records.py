"""How students did lately on each of a list of tasks."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._metrics import Metrics
from .._types import Scalar
from ..rollouts import Episodes, Evidence
from ._notes import UNMEASURED


class TaskRecords(eqx.Module):
    """How students did on each task lately; 0 where no episode has finished yet.

    All are running means over the cycles that played the task, of all students together. The slow
    one runs after `returns`, so it is what they were a while ago.
    """

    returns: Float[Array, " task"]
    slow_returns: Float[Array, " task"]
    successes: Float[Array, " task"] | None  # None where nobody says what success is
    measured: Bool[Array, " task"]

    @classmethod
    def blank(cls, num_tasks: int, evidence: Evidence) -> "TaskRecords":
        """Those of tasks never played, where evidence will be of that structure."""
        zeros = jnp.zeros(num_tasks)
        return cls(zeros, zeros, None if evidence.outcomes is None else zeros, zeros > 0)

    @property
    def progress(self) -> Float[Array, " task"]:
        """How far returns have lately moved, up or down."""
        return jnp.abs(self.returns - self.slow_returns)

    @property
    def success_rates(self) -> Float[Array, " task"] | None:
        """The success rates, and `UNMEASURED` where that is not known."""
        if self.successes is None:
            return None
        return jnp.where(self.measured, self.successes, UNMEASURED)

    def after(self, tasks: Int[Array, " level"], evidence: Evidence, rate: Scalar) -> "TaskRecords":
        """The records once these tasks have been played; means move by `rate` towards the news."""
        episodes = Episodes.of(evidence)
        finished = episodes.counts_per_play > 0

        def by_task(per_play):
            per_level = jnp.sum(jnp.where(finished, per_play, 0), axis=(0, 2))
            return jnp.zeros_like(self.returns).at[tasks].add(per_level)

        count = by_task(jnp.ones(finished.shape))

        def towards(mean, now):
            # A running mean begins where it is first measured.
            moved = jnp.where(self.measured, mean + rate * (now - mean), now)
            return jnp.where(count > 0, moved, mean)

        def mean_now(quantity):
            return by_task(episodes.mean_of_sums_per_play(quantity)) / jnp.maximum(count, 1)

        returns, successes = towards(self.returns, mean_now(evidence.rewards)), self.successes
        if successes is not None:
            successes = towards(successes, mean_now(evidence.successes))
        return TaskRecords(
            returns=returns,
            slow_returns=towards(self.slow_returns, returns),
            successes=successes,
            measured=self.measured | (count > 0),
        )

    def metrics(self, chances: Float[Array, " task"], names: Sequence[str]) -> Metrics:
        """What is known of all tasks together, and of each one if there are names."""
        known = lambda values: jnp.where(self.measured, values, jnp.nan)  # noqa: E731
        returns, successes = known(self.returns), jnp.full_like(self.returns, jnp.nan)
        if self.successes is not None:
            successes = known(self.successes)
        metrics = {
            "tasks_measured": jnp.sum(self.measured, dtype=jnp.float32),
            "task_return": jnp.nanmean(returns),
            "lowest_task_return": jnp.nanmin(returns),
            "task_success_rate": jnp.nanmean(successes),
            "task_progress": jnp.nanmean(known(self.progress)),
            "largest_task_chance": jnp.max(chances),
        }
        for i, name in enumerate(names):
            metrics[f"task_{name}_return"] = returns[i]
            metrics[f"task_{name}_success_rate"] = successes[i]
            metrics[f"task_{name}_chance"] = chances[i]
        return metrics
