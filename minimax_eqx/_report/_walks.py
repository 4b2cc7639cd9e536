"""Where agents walk on held-out levels."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv, AbstractLevelGenerator
from ..envs._pictures import unstack
from ..nets._policy import AbstractPolicy
from ..rollouts import record_episode
from ._run import Run

EPISODES = 12
# Longer episodes take long, and their paths cover everything.
MOST_STEPS = 1_000
# A stream of random numbers of its own: the report changes nothing about a run.
WALKS_STREAM = 1_000_187


@dataclasses.dataclass(frozen=True)
class Walks:
    """A level of a test, its picture, and where the agent was in some episodes of it.

    `places` are shares of the picture's width and height, None if nobody tells; only the first
    `lengths + 1` of an episode count.
    """

    picture: UInt8[np.ndarray, "rows columns 3"]
    places: Float[np.ndarray, "episode time 2"] | None = None
    lengths: Int[np.ndarray, " episode"] | None = None
    successes: Bool[np.ndarray, " episode"] | None = None


def walks_of(run: Run) -> dict[str, Walks]:
    """For each held-out test one of its levels, walked by the first student; empty if the
    environment has no artist, or there is no suite."""
    suite, runner = run.experiment.evaluation.suite, run.runner
    if suite is None or runner is None or run.experiment.env.artist() is None:
        return {}
    key = jax.random.fold_in(jax.random.key(run.experiment.seed), WALKS_STREAM)
    policy = runner.students.first().network
    found: dict[str, Walks] = {}
    panels = suite.panels(run.experiment.env)
    for group in _by_env(panels):
        env = panels[group[0]][0]
        drawn = [_sample(env, panels[name][1], key) for name in group]
        greedy = run.experiment.evaluation.greedy
        found |= dict(zip(group, _walk(env, policy, drawn, greedy, key), strict=True))
    return {name: found[name] for name in panels}


def _by_env(panels: Mapping[str, tuple[AbstractEnv, AbstractLevelGenerator]]) -> list[list[str]]:
    """The names in groups that one program plays."""
    groups: list[list[str]] = []
    for name, (env, _) in panels.items():
        same = [group for group in groups if eqx.tree_equal(panels[group[0]][0], env)]
        if same:
            same[0].append(name)
        else:
            groups.append([name])
    return groups


def _walk(
    env: AbstractEnv,
    policy: AbstractPolicy,
    levels: list[PyTree],
    greedy: bool,
    key: Key[Array, ""],
) -> list[Walks]:
    artist = env.artist()
    if artist is None:
        return []
    pictures = [artist.draw_level(level) for level in levels]
    start = jax.eval_shape(lambda: env.reset(env.load(levels[0]), key=jax.random.key(0)))
    example = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), start)
    if env.max_episode_steps > MOST_STEPS or artist.places(levels[0], example) is None:
        return [Walks(picture) for picture in pictures]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *levels)
    recordings = unstack(_record(env, policy, stacked, greedy, jax.random.split(key, EPISODES)))
    return [
        Walks(picture, artist.places(level, r.states), r.length, r.success)
        for picture, level, r in zip(pictures, levels, recordings, strict=True)
    ]


@quick_jit
def _sample(env, generator, key):
    return generator.sample(env.level_spec(), key=key)


@quick_jit
def _record(env, policy, levels, greedy, keys):
    """Recordings with the axes `level episode`."""

    def play(level, key):
        return record_episode(env, policy, level, greedy=greedy, key=key)

    of_level = eqx.filter_vmap(play, in_axes=(None, 0))
    return eqx.filter_vmap(of_level, in_axes=(0, None))(levels, keys)
