"""Students on several tests, each told from the others by its name."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._xla._compile import quick_jit
from ..agents import Agent
from ..envs import AbstractEnv, AbstractLevelGenerator
from ..rollouts._evaluation import EpisodeResults, evaluate
from ..rollouts._optimum import optimum_of

# What to play in, and where its levels come from.
Panel: TypeAlias = tuple[AbstractEnv, AbstractLevelGenerator]


def evaluate_panels(
    panels: Mapping[str, Panel],
    students: Agent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> dict[str, EpisodeResults]:
    """Plays `num_episodes` of each test with each student; results have axes `student episode`.

    They have regrets where the environment knows the best return of a level.

    Tests in equal environments are played in one batch, as one compiled program. The levels and the
    chance of a test come from `key` and its name, so that which others are played changes nothing.
    """
    found = {}
    for names in _by_env(panels):
        keys = [jax.random.fold_in(key, _number_of(name)) for name in names]
        group = [panels[name] for name in names]
        results = _play(group, students, keys, num_episodes, greedy)
        for i, name in enumerate(names):
            own = slice(i * num_episodes, (i + 1) * num_episodes)
            found[name] = jax.tree.map(lambda leaf, own=own: leaf[:, own], results)
    return {name: found[name] for name in panels}


def evaluate_panel(
    panel: Panel,
    students: Agent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> EpisodeResults:
    """Plays one test as `evaluate_panels` does, with all chance from `key` alone."""
    return _play([panel], students, [key], num_episodes, greedy)


def _by_env(panels: Mapping[str, Panel]) -> list[list[str]]:
    """The names in groups that are played in equal environments."""
    groups: list[list[str]] = []
    for name, (env, _) in panels.items():
        same = [group for group in groups if eqx.tree_equal(panels[group[0]][0], env)]
        if same:
            same[0].append(name)
        else:
            groups.append([name])
    return groups


def _number_of(name: str) -> int:
    """A number of 32 bits that belongs to the name, in every process."""
    return zlib.crc32(name.encode())


def _play(panels, students, keys, num_episodes, greedy) -> EpisodeResults:
    """The episodes of one test after those of another; their environments are equal."""
    level_keys, play_keys = zip(*(_episode_keys(key, num_episodes) for key in keys), strict=True)
    levels = _sample_all(panels, list(level_keys))
    env = panels[0][0]
    results = _play_all(env, students, levels, greedy, jnp.concatenate(play_keys))
    return dataclasses.replace(results, regrets=_regrets(env, levels, results.returns))


def _episode_keys(
    key: Key[Array, ""], num_episodes: int
) -> tuple[Key[Array, " episode"], Key[Array, " episode"]]:
    """For each episode a key for its level and one for its play, the same however many there are.

    An episode's keys come from its index alone, by `fold_in`: the first keys of `split` depend on
    how many there are with some of JAX's generators.
    """
    indices = jnp.arange(num_episodes, dtype=jnp.uint32)
    level_key, play_key = jax.random.split(key)
    numbered = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return numbered(level_key, indices), numbered(play_key, indices)


@quick_jit
def _sample_all(panels, keys):
    """Levels of each test, one for each of its keys, one after the other."""
    levels = [
        jax.vmap(
            lambda key, env=env, generator=generator: generator.sample(env.level_spec(), key=key)
        )(own)
        for (env, generator), own in zip(panels, keys, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)


@quick_jit
def _play_all(env, students, levels, greedy, keys):
    """An episode of each level with each student, who has a key for it of his own."""

    def play(student, index):
        own_keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, index)
        return evaluate(env, student.network, levels, greedy=greedy, key=own_keys)

    num_students = students.num_updates.shape[0]
    return eqx.filter_vmap(play)(students, jnp.arange(num_students, dtype=jnp.uint32))


@quick_jit
def _regrets(env, levels, returns) -> Float[Array, "student episode"] | None:
    optimum = optimum_of(env, levels)
    # No return is above the optimum, but by rounding.
    return None if optimum is None else jnp.maximum(optimum[None] - returns, 0)
