"""A curriculum over a finite list of tasks."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._fingerprint import fingerprints, is_held_back
from .._metrics import Metrics
from .._ranges import check_at_least, check_between
from .._types import Level, Scalar
from ..envs import AbstractLevelGenerator
from ..rollouts import Episodes, Evidence
from ._chances import chances_by_score, draw, mix_in_uniform
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_makes_levels
from ._notes import UNMEASURED
from ._stored import StoredLevels
from ._task_rules import AbstractTaskRule, ByProgress, TaskRecords


class FixedTasksState(eqx.Module, Generic[Level]):
    """The tasks, how it went on each, and which are held back."""

    levels: Level
    names: tuple[str, ...] = eqx.field(static=True)
    held_back: Bool[Array, " task"]
    fingerprints: UInt32[Array, "task 2"]
    records: TaskRecords
    num_tests_proposed: Int[Array, ""]


class FixedTasks(AbstractCurriculum[Level, FixedTasksState], Generic[Level]):
    """Plays the levels of a list, each as often as a rule says.

    The list is all that a generator can draw: a `LevelFile`, for example, or a few levels of a
    generator without end (`few-levels`). For each task the curriculum keeps a running mean of the
    return and of the success rate, and the rule makes chances of them. A play stays on its task.

    A share of the tasks may be held back for tests. They are never played, and a metric counts
    proposed levels that are equal to one of them, as a check on that: it must stay 0. As in a
    `LevelFile`, a task's side depends on its own content alone, so a suite over the same file with
    `part="test"` and the same share tests students on what was held back.

    Raises `ValueError` for a generator that has no list, and if no task is left to be played.
    """

    generator: AbstractLevelGenerator[Level]
    """Where the list is from: a generator that has one."""
    rule: AbstractTaskRule = ByProgress()
    """How likely each task is, by how students did on it."""
    num_levels: int = 32
    """How many tasks each cycle plays side by side, perhaps the same one several times."""
    uniform_share: Scalar = 0.1
    """Share of the plays that goes to all tasks alike, so that none is forgotten."""
    rate: Scalar = 0.2
    """How far the running means of a task move with each cycle that plays it."""
    # Not traced, as in a file of levels.
    test_share: float = eqx.field(static=True, default=0.0)
    """Share of the tasks that is held back for tests."""
    most_named: int = 16
    """Up to so many tasks have metrics of their own, by name."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_levels")
        check_at_least(self, 0, "most_named")
        check_between(self, 0, 1, "uniform_share", "rate", "test_share")

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> FixedTasksState[Level]:
        del key
        level = evidence.level_spec()
        check_makes_levels(self.generator, level)
        listed = self.generator.list_levels(level)
        if listed is None:
            raise ValueError(
                f"FixedTasks.generator is {type(self.generator).__name__}, which has no list of "
                "levels; take the levels of a file (level-file), or a few of it (few-levels)."
            )
        names, levels = listed[0], jax.tree.map(jnp.asarray, listed[1])
        held_back = jax.vmap(lambda level: is_held_back(level, self.test_share))(levels)
        if not isinstance(held_back, Tracer) and jnp.all(held_back):
            raise ValueError(
                f"All {len(names)} tasks of FixedTasks are held back with test_share="
                f"{self.test_share}; lower it."
            )
        zeros = jnp.zeros(len(names))
        return FixedTasksState(
            levels=levels,
            names=names,
            held_back=held_back,
            fingerprints=fingerprints(levels),
            records=TaskRecords(
                returns=zeros,
                slow_returns=zeros,
                successes=None if evidence.outcomes is None else zeros,
                measured=zeros > 0,
            ),
            num_tests_proposed=jnp.zeros((), jnp.int32),
        )

    def propose(
        self, state: FixedTasksState[Level], *, key: Key[Array, ""]
    ) -> tuple[FixedTasksState[Level], Proposal[Level]]:
        chances = self._chances(state)
        tasks = jax.vmap(lambda key: draw(chances, key=key))(jax.random.split(key, self.num_levels))
        return state, Proposal(jax.tree.map(lambda x: x[tasks], state.levels), memory=tasks)

    def learn(
        self,
        state: FixedTasksState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[FixedTasksState[Level], Metrics]:
        del key
        episodes, old = Episodes.of(evidence), state.records
        finished = episodes.counts_per_play > 0

        def towards(mean, now):
            # A running mean begins where it is first measured.
            moved = jnp.where(old.measured, mean + self.rate * (now - mean), now)
            return jnp.where(count > 0, moved, mean)

        def by_task(per_play):
            per_level = jnp.sum(jnp.where(finished, per_play, 0), axis=(0, 2))
            return jnp.zeros_like(old.returns).at[proposal.memory].add(per_level)

        def mean_now(quantity):
            return by_task(episodes.mean_of_sums_per_play(quantity)) / jnp.maximum(count, 1)

        count = by_task(jnp.ones(finished.shape))
        returns = towards(old.returns, mean_now(evidence.rewards))
        records = TaskRecords(
            returns=returns,
            slow_returns=towards(old.slow_returns, returns),
            successes=(
                None
                if old.successes is None
                else towards(old.successes, mean_now(evidence.successes))
            ),
            measured=old.measured | (count > 0),
        )
        proposed = fingerprints(proposal.levels)
        equal = jnp.all(proposed[:, None] == state.fingerprints[None], axis=-1)
        is_test = jnp.any(equal & state.held_back[None], axis=1)
        num_tests = state.num_tests_proposed + jnp.sum(is_test, dtype=jnp.int32)
        state = eqx.tree_at(
            lambda s: (s.records, s.num_tests_proposed), state, (records, num_tests)
        )
        return state, self._metrics(state)

    def stored(self, state: FixedTasksState[Level]) -> StoredLevels[Level]:
        records, chances = state.records, self._chances(state)
        rates = None
        if records.successes is not None:
            rates = jnp.where(records.measured, records.successes, UNMEASURED)
        return StoredLevels(
            *(state.levels, ~state.held_back, chances, state.fingerprints), success_rates=rates
        )

    def _chances(self, state: FixedTasksState[Level]) -> Float[Array, " task"]:
        measured = state.records.measured
        weights = jnp.where(measured, self.rule.weights(state.records), 0)
        weights = jnp.where(measured, weights, jnp.max(weights))
        chances = chances_by_score(weights, ~state.held_back)
        return mix_in_uniform(chances, ~state.held_back, self.uniform_share)

    def _metrics(self, state: FixedTasksState[Level]) -> Metrics:
        records, chances = state.records, self._chances(state)
        known = lambda values: jnp.where(records.measured, values, jnp.nan)  # noqa: E731
        returns, successes = known(records.returns), jnp.full_like(records.returns, jnp.nan)
        if records.successes is not None:
            successes = known(records.successes)
        metrics = {
            "tasks_measured": jnp.sum(records.measured, dtype=jnp.float32),
            "task_return": jnp.nanmean(returns),
            "lowest_task_return": jnp.nanmin(returns),
            "task_success_rate": jnp.nanmean(successes),
            "task_progress": jnp.nanmean(known(records.progress)),
            "largest_task_chance": jnp.max(chances),
            "test_tasks_proposed": state.num_tests_proposed.astype(jnp.float32),
        }
        if len(state.names) <= self.most_named:
            for i, name in enumerate(state.names):
                metrics[f"task_{name}_return"] = returns[i]
                metrics[f"task_{name}_success_rate"] = successes[i]
                metrics[f"task_{name}_chance"] = chances[i]
        return metrics
