"""A learned generator: a teacher that designs levels step by step, and is paid for them."""

import dataclasses
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics, join_metrics
from .._types import Level, PyTree
from ..agents import AbstractLearner, Agent
from ..agents._agent import Trajectory
from ..envs import AbstractDesign
from ..rollouts._rollout import design
from ._fit import LevelsError
from ._level_source import AbstractLevelSource
from ._level_spec import LevelSpec


class LearnedGeneratorState(eqx.Module):
    """The teacher as it is now."""

    teacher: Agent
    level_spec: LevelSpec


class LearnedGenerator(
    AbstractLevelSource[Level, LearnedGeneratorState, Trajectory], Generic[Level]
):
    """A teacher that acts in an editor of levels (Dennis et al. 2020, arXiv 2012.02096).

    A level is one episode of the editor. What it was worth is the reward of the episode's last
    step, and the only one.
    """

    design: AbstractDesign
    """How levels are designed: it makes the editor for levels of the environment's size."""
    teacher: AbstractLearner
    """How the teacher learns."""

    def init(
        self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]
    ) -> LearnedGeneratorState:
        editor = self.design.editor(level)
        designed = editor.designed_level_spec()
        if designed != level:
            raise LevelsError(
                f"The editor of {type(self.design).__name__} cannot make levels",
                f"it makes {designed}, and they are {level}.",
            )
        teacher = self.teacher.init(editor.observation_spec(), editor.action_spec(), key=key)
        return LearnedGeneratorState(teacher, LevelSpec.of(level))

    def draw(
        self, state: LearnedGeneratorState, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Level, Trajectory]:
        editor = self.design.editor(state.level_spec.level)
        return design(
            editor,
            state.teacher.network,
            num_levels,
            with_truncation_values=self.teacher.needs_truncation_values,
            key=key,
        )

    def steps_per_level(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        return self.design.editor(level).max_episode_steps

    def learner(self) -> AbstractLearner:
        return self.teacher

    def learn(
        self,
        state: LearnedGeneratorState,
        memory: Trajectory,
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[LearnedGeneratorState, Metrics]:
        """One update of the teacher. Metrics are `teacher_payoff` and the teacher's own, each with
        `teacher_` before its name."""
        rewards = jnp.zeros_like(memory.rewards).at[-1].set(payoffs)
        paid = dataclasses.replace(memory, rewards=rewards)
        estimates = self.teacher.estimate(paid)
        teacher, measured = self.teacher.update(state.teacher, paid, estimates, key=key)
        metrics = join_metrics(
            [
                ("the teacher's update", {f"teacher_{n}": value for n, value in measured.items()}),
                ("what the teacher is paid", {"teacher_payoff": jnp.mean(payoffs)}),
            ]
        )
        return LearnedGeneratorState(teacher, state.level_spec), metrics
