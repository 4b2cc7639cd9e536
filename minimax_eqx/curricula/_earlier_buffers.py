"""Levels of buffers that are finished with, and what they have decided for a student."""

import dataclasses
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._types import Level, PyTree
from ..rollouts import Evidence
from ..rollouts._same_actions import seen_elsewhere
from ._level_buffer import LevelBuffer


class EarlierBuffers(eqx.Module, Generic[Level]):
    """The levels of buffers one after another, which never change again."""

    levels: Level  # leading axes: buffer slot
    filled: Bool[Array, "buffer slot"]
    num_buffers: Int[Array, ""]  # how many came before
    num_steps: int = eqx.field(static=True)  # of a play

    @classmethod
    def none_of(
        cls, most: int, buffer: LevelBuffer[Level, PyTree], evidence: Evidence
    ) -> "EarlierBuffers[Level]":
        """None yet, with space for that many that are like an empty one, and plays like these."""
        levels, filled = jax.tree.map(
            lambda leaf: jnp.stack([leaf] * most), (buffer.levels, buffer.filled)
        )
        return cls(levels, filled, jnp.zeros((), jnp.int32), evidence.rewards.shape[1])

    def and_then(self, buffer: LevelBuffer[Level, PyTree]) -> "EarlierBuffers[Level]":
        """With the levels of one more."""
        place = self.num_buffers
        levels = jax.tree.map(lambda e, now: e.at[place].set(now), self.levels, buffer.levels)
        filled = self.filled.at[place].set(buffer.filled)
        return EarlierBuffers(levels, filled, place + 1, self.num_steps)

    def have_decided(
        self, evidence: Evidence, *, key: Key[Array, ""]
    ) -> Bool[Array, "student time level trial"]:
        """Where one and the same of their levels, stepped with the same actions, has shown all that
        a student saw of its episode so far.

        Raises `ValueError` for a part of a play, which may have begun within an episode.
        """
        if evidence.rewards.shape[1] != self.num_steps:
            raise ValueError(
                f"ReMiDi compares whole plays, and these of {self.num_steps} steps are cut into "
                f"rollouts of {evidence.rewards.shape[1]}; use rollouts_per_play=1 with a larger "
                "num_steps."
            )
        earlier = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.levels)
        filled, shape = self.filled.reshape(-1), evidence.rewards.shape

        def decided():
            def of_a_play(*play):
                return seen_elsewhere(evidence.env, earlier, filled, play, key=key)

            of_a_level = jax.vmap(of_a_play, in_axes=1, out_axes=1)
            of_a_student = jax.vmap(of_a_level, in_axes=1, out_axes=1)
            return jax.vmap(of_a_student)(evidence.observations, evidence.actions, evidence.dones)

        return jax.lax.cond(self.num_buffers > 0, decided, lambda: jnp.zeros(shape, bool))


def without_ends_on(refused: Bool[Array, " level"], evidence: Evidence) -> Evidence:
    """Evidence in which nobody has finished an episode on those levels, so that none comes into a
    buffer."""
    accepted = ~refused[None, None, :, None]
    return dataclasses.replace(
        evidence,
        terminated=evidence.terminated & accepted,
        truncated=evidence.truncated & accepted,
    )
