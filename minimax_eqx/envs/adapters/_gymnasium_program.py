"""What environments of Gymnasium compute for an environment of this package."""

import functools
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..._types import Level, PyTree
from .._env import AbstractEnv, AbstractLevelGenerator
from ._gymnasium_plays import Plays, begun, drawn, played
from ._gymnasium_spaces import action_space_of, observation_space_of, observed

LEVELS = "levels"


class Program:
    """What both kinds of environments compute, and the plays that they are at."""

    plays: Plays

    def __init__(
        self,
        env: AbstractEnv,
        generator: AbstractLevelGenerator,
        num_envs: int,
        render_mode: str | None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; it must be at least 1.")
        self.artist = env.artist() if render_mode is not None else None
        if render_mode is not None and (render_mode != "rgb_array" or self.artist is None):
            raise ValueError(
                f"render_mode is {render_mode!r}; it must be None, or 'rgb_array' for an "
                "environment that has an artist."
            )
        self.env, self.num_envs = env, num_envs
        self.render_mode = render_mode
        self.actions = env.action_spec().struct()
        self.action_space = action_space_of(env.action_spec())
        self.observation_space = observation_space_of(env.observation_spec())
        self._draw = eqx.filter_jit(lambda key: drawn(env, generator, num_envs, key))
        self._begin = eqx.filter_jit(lambda levels, key: begun(env, levels, key))
        self._on_new, self._on_same = (
            eqx.filter_jit(functools.partial(played, env, source)) for source in (generator, None)
        )

    def reset(self, options: Mapping[str, Any] | None, random: np.random.Generator) -> Any:
        """Begins an episode in every play, and returns what is seen.

        Raises `ValueError` for options that it does not know, and for levels that do not fit.
        """
        unknown = set(options or {}) - {LEVELS}
        if unknown:
            raise ValueError(f"reset has no options {sorted(unknown)}; it knows {LEVELS!r}.")
        levels = (options or {}).get(LEVELS)
        level_key, key = jax.random.split(jax.random.key(int(random.integers(2**32))))
        self._play = self._on_new if levels is None else self._on_same
        if levels is None:
            levels = self._draw(level_key)
        else:
            self._check_levels(levels)
        self.plays, seen = self._begin(levels, key)
        return observed(jax.device_get(seen))

    def step(self, actions: Any, space: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """A step of every play. `space` is that of all actions together.

        Raises `ValueError` for actions that are not in it.
        """
        raw = np.asarray(actions)
        given = raw.astype(self.actions.dtype)
        is_rounded = given.dtype.kind != "f" and not np.array_equal(raw, given)
        if is_rounded or not space.contains(given.astype(space.dtype)):
            raise ValueError(f"These are no actions of {space}: {actions}")
        self.plays, seen = self._play(self.plays, given)
        seen = jax.device_get(seen)
        infos = {}
        if seen.success is not None:
            # Gymnasium's way of saying for which of them it is known.
            infos = {"success": seen.success, "_success": np.ones(self.num_envs, bool)}
        return observed(seen.observations), seen.rewards, seen.terminated, seen.truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of every play; None without a mode of rendering."""
        if self.artist is None:
            return None
        plays = self.plays.levels, self.plays.states
        return tuple(self._picture(*part_of(plays, slice(i, i + 1))) for i in range(self.num_envs))

    def _picture(self, levels: Level, states: PyTree) -> np.ndarray:
        assert self.artist is not None
        return self.artist.draw_episode(self.env, part_of(levels, 0), states, 0)[0]

    def _check_levels(self, levels: Level) -> None:
        batch = (self.num_envs,)
        wanted = jax.tree.map(lambda s: (batch + s.shape, s.dtype), self.env.level_spec())
        given = jax.tree.map(lambda leaf: (np.shape(leaf), getattr(leaf, "dtype", None)), levels)
        if jax.tree.structure(levels) != jax.tree.structure(self.env.level_spec()) or (
            jax.tree.leaves(given) != jax.tree.leaves(wanted)
        ):
            raise ValueError(
                f"options[{LEVELS!r}] must be {self.num_envs} levels of this environment with a "
                f"leading axis, {wanted}; these are {given}."
            )


def part_of(tree: PyTree, index: Any) -> PyTree:
    """That part of every array."""
    return jax.tree.map(lambda leaf: leaf[index, ...], tree)
