"""A curriculum over a finite list of tasks."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between
from .._types import Level, Scalar
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ._chances import chances_by_score, draw_each, mix_in_uniform
from ._curriculum import AbstractCurriculum, Proposal
from ._stored import StoredLevels
from ._task_list import TaskList
from ._task_records import TaskRecords
from ._task_rules import AbstractTaskRule, ByProgress


class FixedTasksState(eqx.Module, Generic[Level]):
    """The tasks, and how it went on each."""

    tasks: TaskList[Level]
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
    """Each task has metrics by its name, unless the list has more tasks than this."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_levels")
        check_at_least(self, 0, "most_named")
        check_between(self, 0, 1, "uniform_share", "rate", "test_share")

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> FixedTasksState[Level]:
        del key
        tasks = TaskList.of(self.generator, evidence.level_spec(), self.test_share)
        records = TaskRecords.blank(len(tasks.names), evidence)
        return FixedTasksState(tasks, records, jnp.zeros((), jnp.int32))

    def propose(
        self, state: FixedTasksState[Level], *, key: Key[Array, ""]
    ) -> tuple[FixedTasksState[Level], Proposal[Level]]:
        tasks = draw_each(self._chances(state), jax.random.split(key, self.num_levels))
        return state, Proposal(state.tasks.at(tasks), memory=tasks)

    def learn(
        self,
        state: FixedTasksState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[FixedTasksState[Level], Metrics]:
        del key
        tasks, records = state.tasks, state.records.after(proposal.memory, evidence, self.rate)
        num_tests = state.num_tests_proposed + tasks.num_held_back(proposal.levels)
        state = FixedTasksState(tasks, records, num_tests)
        named = tasks.names if len(tasks.names) <= self.most_named else ()
        told = {"test_tasks_proposed": num_tests.astype(jnp.float32)}
        return state, records.metrics(self._chances(state), named) | told

    def stored(self, state: FixedTasksState[Level]) -> StoredLevels[Level]:
        tasks = state.tasks
        return StoredLevels(
            *(tasks.levels, ~tasks.held_back, self._chances(state), tasks.fingerprints),
            success_rates=state.records.success_rates,
            are_all=True,
        )

    def _chances(self, state: FixedTasksState[Level]) -> Float[Array, " task"]:
        measured, there = state.records.measured, ~state.tasks.held_back
        weights = jnp.where(measured, self.rule.weights(state.records), 0)
        weights = jnp.where(measured, weights, jnp.max(weights))
        return mix_in_uniform(chances_by_score(weights, there), there, self.uniform_share)
