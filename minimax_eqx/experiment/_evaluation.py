"""What a trained population can do: on unseen levels of its own kind, and on held-out mazes."""

import collections
import zlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from .._xla._compile import quick_jit
from ..agents import AbstractAgent
from ..envs import Maze
from ..envs.maze import HeldOut, held_out, panel, panel_names
from ..rollouts import EpisodeResults, evaluate
from ..runners import Runner
from ._build import make_env, make_generator, matmul_precision
from ._config import Config
from ._options import EvaluationConfig

# Evaluation draws from streams of its own, so that training is the same with and without it.
UNSEEN_STREAM, HELD_OUT_STREAM = 1_000_003, 1_000_033


def evaluate_run(
    config: Config, runner: Runner, evaluation: EvaluationConfig | None = None
) -> dict[str, Any]:
    """Evaluates all students of a runner, on one device; by default as its configuration says.

    Returns plain data: for `unseen` (levels of the training distribution, drawn with a seed that
    training never uses) and for each held-out maze, the mean return, success rate and length over
    episodes and students, the success rate of each student, and how many episodes were played.

    Raises `ValueError` for an unknown maze.
    """
    evaluation = evaluation or config.evaluation
    runner = runner.on(None)
    env = make_env(config.env)
    mazes = held_out_mazes(evaluation.mazes, env)
    key = jax.random.key(config.seed)
    level_keys, play_keys = _episode_keys(
        jax.random.fold_in(key, UNSEEN_STREAM), evaluation.num_unseen_levels
    )
    generator = make_generator(config.levels, env)
    with matmul_precision(config):
        levels = _sample_all([generator], [level_keys])
        unseen = _play_all(env, runner.students, levels, evaluation.greedy, play_keys)
        on_mazes = evaluate_held_out(
            mazes,
            runner.students,
            num_episodes=evaluation.num_episodes,
            greedy=evaluation.greedy,
            key=jax.random.fold_in(key, HELD_OUT_STREAM),
        )
    return {
        "cycle": int(runner.num_cycles),
        "updates": int(runner.students.num_updates[0]),
        "greedy": evaluation.greedy,
        "unseen": _summary(unseen),
        "held_out": on_mazes,
    }


def held_out_mazes(names: tuple[str, ...], env: Maze) -> list[HeldOut]:
    """The held-out mazes of those names or panels, once each, seen as `env` is seen.

    Raises `ValueError` for a name that is neither.
    """
    expanded = [
        member for name in names for member in (panel(name) if name in panel_names() else (name,))
    ]
    mazes = [
        held_out(
            name,
            view_size=env.view_size,
            see_agent=env.see_agent,
            see_through_walls=env.see_through_walls,
            include_position=env.include_position,
        )
        for name in dict.fromkeys(expanded)
    ]
    # A maze has two names, of which one has a prefix.
    return list({maze.name: maze for maze in mazes}.values())


def evaluate_held_out(
    mazes: list[HeldOut],
    students: AbstractAgent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> dict[str, dict[str, Any]]:
    """Plays `num_episodes` of each maze with each student (leading axis `student`).

    Mazes of one size and time limit are played in one batch, as one compiled program. The levels
    and the chance of a maze come from `key` and its name, so that which other mazes are played
    changes nothing. Raises `ValueError` if two of them have the same name.
    """
    _check_names(mazes)
    summaries = {}
    for members in _by_env(mazes):
        keys = [
            _episode_keys(jax.random.fold_in(key, _number_of(maze.name)), num_episodes)
            for maze in members
        ]
        levels = _sample_all([maze.generator for maze in members], [levels for levels, _ in keys])
        play_keys = jnp.concatenate([plays for _, plays in keys])
        results = _play_all(members[0].env, students, levels, greedy, play_keys)
        for i, maze in enumerate(members):
            chosen = slice(i * num_episodes, (i + 1) * num_episodes)
            summaries[maze.name] = _summary(
                jax.tree.map(lambda leaf, chosen=chosen: leaf[:, chosen], results)
            )
    return {maze.name: summaries[maze.name] for maze in mazes}


def _check_names(mazes: list[HeldOut]) -> None:
    counts = collections.Counter(maze.name for maze in mazes)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f"There are {counts[repeated[0]]} held-out tests with the name {repeated[0]!r}. "
            "Results are told apart by name: give each test a name of its own."
        )


def _by_env(mazes: list[HeldOut]) -> list[list[HeldOut]]:
    """The mazes in groups that are played in equal environments."""
    groups: list[list[HeldOut]] = []
    for maze in mazes:
        for group in groups:
            if eqx.tree_equal(group[0].env, maze.env):
                group.append(maze)
                break
        else:
            groups.append([maze])
    return groups


def _number_of(name: str) -> int:
    """A number of 32 bits that belongs to the name, in every process."""
    return zlib.crc32(name.encode())


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
def _sample_all(generators, keys):
    """Levels of each generator, one for each of its keys, one after the other."""
    levels = [
        jax.vmap(generator.sample)(own) for generator, own in zip(generators, keys, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)


@quick_jit
def _play_all(env, students, levels, greedy, keys):
    """An episode of each level with each student, who has a key for it of his own."""

    def play(student, index):
        own_keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, index)
        return evaluate(env, student, levels, greedy=greedy, key=own_keys)

    num_students = students.num_updates.shape[0]
    return eqx.filter_vmap(play)(students, jnp.arange(num_students, dtype=jnp.uint32))


def _summary(results: EpisodeResults) -> dict[str, Any]:
    results = jax.tree.map(np.asarray, results)
    return {
        "return": float(results.returns.mean()),
        "success_rate": float(results.successes.mean()),
        "episode_length": float(results.lengths.mean()),
        "success_rate_per_student": [float(rate) for rate in results.successes.mean(axis=1)],
        "num_episodes": int(results.returns.shape[1]),
    }
