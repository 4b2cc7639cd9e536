"""Playing on: one step of an environment, and a new episode where one ends."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._types import PyTree, State, World
from ..envs import AbstractEnv, TimeStep


class Play(eqx.Module, Generic[State]):
    """An episode in progress. `turn` says which of several worlds it is in; None if one is all."""

    state: State
    turn: Int[Array, ""] | None


class Worlds(eqx.Module, Generic[World]):
    """Where a play can take place: one world for ever, or several in turn, along a leading axis."""

    stacked: World
    num_turns: int | None = eqx.field(static=True)

    def at(self, turn: Int[Array, ""] | None) -> World:
        """The world of that turn."""
        if turn is None:
            return self.stacked
        return jax.tree.map(lambda leaf: leaf[turn], self.stacked)

    def first_turn(self) -> Int[Array, ""] | None:
        """The turn that a play starts with."""
        return None if self.num_turns is None else jnp.zeros((), jnp.int32)

    def next_turn(
        self, turn: Int[Array, ""] | None, done: Bool[Array, ""]
    ) -> Int[Array, ""] | None:
        """The turn after a step that ended the episode, or did not."""
        if turn is None or self.num_turns is None:
            return None
        return jnp.where(done, (turn + 1) % self.num_turns, turn)


def load_worlds(env: AbstractEnv, level: PyTree, spare_levels: PyTree | None = None) -> Worlds:
    """Loads a level, and the levels (leading axis `spare`) that follow it at episode ends."""
    if spare_levels is None:
        return Worlds(env.load(level), None)
    levels = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest]), level, spare_levels
    )
    num_turns = jax.tree.leaves(levels)[0].shape[0]
    return Worlds(jax.vmap(env.load)(levels), num_turns)


def begin(env: AbstractEnv, worlds: Worlds, *, key: Key[Array, ""]) -> Play:
    """Starts the first episode."""
    turn = worlds.first_turn()
    return Play(env.reset(worlds.at(turn), key=key), turn)


def play_on(
    env: AbstractEnv, worlds: Worlds, play: Play, action: PyTree[Array], *, key: Key[Array, ""]
) -> tuple[Play, TimeStep]:
    """Plays one action; where it ends the episode, the next one has begun in the play returned.

    The time step is that of the action: its state is the last of the episode if it is done.
    """
    step_key, reset_key = jax.random.split(key)
    time_step = env.step(worlds.at(play.turn), play.state, action, key=step_key)
    turn = worlds.next_turn(play.turn, time_step.done)
    fresh = env.reset(worlds.at(turn), key=reset_key)
    state = jax.tree.map(
        lambda new, old: jnp.where(time_step.done, new, old), fresh, time_step.state
    )
    return Play(state, turn), time_step
