"""Students on several tests, each told from the others by its name."""

import dataclasses
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Shaped, UInt32

from .._fingerprint import fingerprints
from .._types import PyTree
from .._xla._compile import quick_jit
from ..agents import Agent
from ..envs import AbstractEnv, AbstractLevelGenerator, LevelFile
from ..envs._joint import AbstractJoint, join
from ..rollouts._evaluation import EpisodeResults
from ..rollouts._optimum import optimum_of
from ._queue import play_episodes

# What to play in, and where its levels come from.
Panel: TypeAlias = tuple[AbstractEnv, AbstractLevelGenerator]

# How much memory the levels of one batch may take, in bytes, and how many episodes one may have.
MOST_BYTES, MOST_EPISODES = 2**28, 2**17


class Played(eqx.Module):
    """What came of one test, on the host.

    `results` have axes `student episode`, and regrets where the environment knows the best return
    of a level. `fingerprints` tell which episodes shared a level.
    """

    results: EpisodeResults
    fingerprints: UInt32[np.ndarray, "episode 2"]


def evaluate_panels(
    panels: Mapping[str, Panel],
    students: Agent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> dict[str, Played]:
    """Plays `num_episodes` of each test with each student; of a `LevelFile` each of its levels.

    Tests in equal environments are played side by side, as one compiled program. The levels and the
    chance of a test come from `key` and its name, so that which others are played changes nothing.
    More episodes than `MOST_EPISODES`, or than have room in `MOST_BYTES`, are played in batches of
    one size, with the same results.
    """
    found = {}
    for group in _by_env(panels):
        # Those that may last long come first, so that the last places do not wait for them.
        names = sorted(group, key=lambda name: -panels[name][0].max_episode_steps)
        keys = [jax.random.fold_in(key, _number_of(name)) for name in names]
        tests = [panels[name] for name in names]
        found |= zip(names, _play(tests, students, keys, num_episodes, greedy), strict=True)
    return {name: found[name] for name in panels}


def evaluate_panel(
    panel: Panel,
    students: Agent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> Played:
    """Plays one test as `evaluate_panels` does, with all chance from `key` alone."""
    return _play([panel], students, [key], num_episodes, greedy)[0]


def _by_env(panels: Mapping[str, Panel]) -> list[list[str]]:
    """The names in groups that one environment can play; a file of levels is alone."""
    groups: list[list[str]] = []
    for name, (env, generator) in panels.items():
        same = [
            group
            for group in groups
            if not isinstance(generator, LevelFile)
            and not isinstance(panels[group[0]][1], LevelFile)
            and _env_for([*(panels[name][0] for name in group), env]) is not None
        ]
        if same:
            same[0].append(name)
        else:
            groups.append([name])
    return groups


def _env_for(envs: Sequence[AbstractEnv]) -> AbstractEnv | None:
    """What plays the levels of all of these: the first if they are equal."""
    if all(bool(eqx.tree_equal(envs[0], env)) for env in envs):
        return envs[0]
    return join(envs)


def _number_of(name: str) -> int:
    """A number of 32 bits that belongs to the name, in every process."""
    return zlib.crc32(name.encode())


def _play(
    panels: Sequence[Panel],
    students: Agent,
    keys: Sequence[Key[Array, ""]],
    num_episodes: int,
    greedy: bool,
) -> list[Played]:
    """What came of each test; there is an environment that plays all of them."""
    env, generator = _env_for([env for env, _ in panels]), panels[0][1]
    assert env is not None
    each = 1
    if isinstance(generator, LevelFile):
        each = num_episodes
        num_episodes *= generator.count_levels(env.level_spec())
    size = _batch_size(env, num_episodes, len(panels))
    batches = []
    for start in range(0, num_episodes, size):
        # The last batch has the size of the others, and some episodes that nobody asked for.
        indices = jnp.arange(start, start + size, dtype=jnp.uint32)
        levels, play_keys, prints, optima = _sample_all(env, panels, list(keys), indices, each)
        results = _play_all(env, students, levels, greedy, play_keys)
        regrets = None
        if optima is not None:
            # No return is above the optimum, but by rounding.
            regrets = np.maximum(np.asarray(optima)[None] - results.returns, 0)
        found = (dataclasses.replace(results, regrets=regrets), np.asarray(prints))
        batches.append([_part(found, i, size) for i in range(len(panels))])
    return [
        Played(
            jax.tree.map(lambda *x: np.concatenate(x, 1)[:, :num_episodes], *(r for r, _ in own)),
            np.concatenate([prints for _, prints in own])[:num_episodes],
        )
        for own in zip(*batches, strict=True)
    ]


def _batch_size(env: AbstractEnv, num_episodes: int, num_tests: int) -> int:
    """How many episodes of each test are played at once."""
    spec = jax.tree.leaves(env.level_spec())
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in spec)
    most = max(1, min(MOST_BYTES // max(1, size), MOST_EPISODES) // num_tests)
    num_batches = -(-num_episodes // most)
    return -(-num_episodes // num_batches)


def _part(found: tuple[EpisodeResults, np.ndarray], index: int, size: int) -> Any:
    """The episodes of one test out of a batch, which is ordered by test."""
    results, prints = found
    own = slice(index * size, (index + 1) * size)
    return jax.tree.map(lambda leaf: leaf[:, own], results), prints[own]


def fingerprints_of(levels: PyTree) -> UInt32[np.ndarray, "level 2"]:
    """The fingerprint of each level (leading axis `level`)."""
    return np.asarray(_fingerprints(jax.tree.map(jnp.asarray, levels)))


_fingerprints = quick_jit(fingerprints)


@quick_jit
def _sample_all(
    played: AbstractEnv,
    panels: Sequence[Panel],
    keys: Sequence[Key[Array, ""]],
    indices: UInt32[Array, " index"],
    each: int,
) -> tuple[
    PyTree,
    Key[Array, " episode"],
    UInt32[Array, "episode 2"],
    Float[Array, " episode"] | None,
]:
    """The levels of these episodes of each test, one test after the other, as the environment has
    them where they are played; a key for each episode, the fingerprint of its level, and
    the best return there."""
    tests = [
        _sample(played, panel, key, indices, each) for panel, key in zip(panels, keys, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *tests)


def _sample(
    played: AbstractEnv,
    panel: Panel,
    key: Key[Array, ""],
    indices: UInt32[Array, " episode"],
    each: int,
) -> tuple[PyTree, Key[Array, " episode"], Shaped[Array, "episode 2"], PyTree]:
    """An episode's keys come from its index alone, by `fold_in`: the first keys of `split` depend
    on how many there are with some of JAX's generators."""
    env, generator = panel
    level_key, play_key = jax.random.split(key)
    numbered = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    if isinstance(generator, LevelFile):
        _, listed = generator.list_levels(env.level_spec())
        rows = jnp.minimum(indices // each, jax.tree.leaves(listed)[0].shape[0] - 1)
        levels = jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], listed)
    else:
        levels = jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(
            numbered(level_key, indices)
        )
    prints, optima = fingerprints(levels), optimum_of(env, levels)
    if isinstance(played, AbstractJoint):
        levels = jax.vmap(lambda level: played.fit(env, level))(levels)
    return levels, numbered(play_key, indices), prints, optima


def _play_all(
    env: AbstractEnv,
    students: Agent,
    levels: PyTree,
    greedy: bool,
    keys: Key[Array, " episode"],
) -> EpisodeResults:
    """An episode of each level with each student, who has a key for it of his own."""
    arrays, static = eqx.partition(students, eqx.is_array)
    level_of = jnp.arange(keys.size, dtype=jnp.int32)
    found = []
    for index in range(students.num_updates.shape[0]):
        student = eqx.combine(jax.tree.map(lambda leaf, i=index: leaf[i], arrays), static)
        own_keys = _keys_of(keys, jnp.uint32(index))
        played = play_episodes(env, student.network, levels, level_of, own_keys, greedy=greedy)
        found.append(jax.device_get(played))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


@quick_jit
def _keys_of(
    keys: Key[Array, " episode"], student: Int[Array, ""] | UInt32[Array, ""]
) -> Key[Array, " episode"]:
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, student)
