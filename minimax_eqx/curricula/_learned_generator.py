"""A learned generator: a teacher that designs levels step by step, and is paid for them."""

import dataclasses
from typing import Generic

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import join_metrics
from .._types import Level
from ..agents import AbstractAgent, Trajectory
from ..envs import AbstractLevelEditor
from ..rollouts import design
from ._level_source import AbstractLevelSource


class LearnedGenerator(AbstractLevelSource[Level, Trajectory], Generic[Level]):
    """An editor and the teacher that acts in it (Dennis et al. 2020, arXiv 2012.02096).

    A level is one episode of the editor. What it was worth is the reward of the episode's last
    step, and the only one.
    """

    editor: AbstractLevelEditor
    teacher: AbstractAgent

    @property
    def learns(self) -> bool:
        return True

    def draw(self, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, Trajectory]:
        return design(self.editor, self.teacher, num_levels, key=key)

    def learn(
        self, memory: Trajectory, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple["LearnedGenerator[Level]", dict[str, Float[Array, ""]]]:
        """One update of the teacher. Metrics are `teacher_payoff` and the teacher's own, each with
        `teacher_` before its name."""
        rewards = jnp.zeros_like(memory.rewards).at[-1].set(payoffs)
        paid = dataclasses.replace(memory, rewards=rewards)
        teacher, measured = self.teacher.update(paid, self.teacher.estimate(paid), key=key)
        metrics = join_metrics(
            [
                ("the teacher's update", {f"teacher_{n}": value for n, value in measured.items()}),
                ("what the teacher is paid", {"teacher_payoff": jnp.mean(payoffs)}),
            ]
        )
        return dataclasses.replace(self, teacher=teacher), metrics
