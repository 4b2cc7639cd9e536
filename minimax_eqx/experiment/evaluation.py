"""What a trained population can do: on unseen levels of its own kind, and on held-out mazes."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from .._compile import quick_jit
from ..agents import AbstractAgent
from ..envs import AbstractEnv, Maze
from ..envs.maze import HeldOut, held_out, panel, panel_names
from ..runners import EpisodeResults, Runner, evaluate
from .build import make_env, make_generator, matmul_precision
from .config import Config
from .options import EvaluationConfig

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
    unseen_key = jax.random.fold_in(key, UNSEEN_STREAM)
    generator = make_generator(config.levels, env)
    keys = jax.random.split(unseen_key, evaluation.num_unseen_levels)
    with matmul_precision(config):
        levels = _sample_all([generator], [keys])
        unseen = _play(env, runner.students, levels, evaluation.greedy, unseen_key)
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
    return [
        held_out(
            name,
            view_size=env.view_size,
            see_agent=env.see_agent,
            see_through_walls=env.see_through_walls,
            include_position=env.include_position,
        )
        for name in dict.fromkeys(expanded)
    ]


def evaluate_held_out(
    mazes: list[HeldOut],
    students: AbstractAgent,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> dict[str, dict[str, Any]]:
    """Plays `num_episodes` of each maze with each student (leading axis `student`).

    Mazes of one size and time limit are played in one batch, as one compiled program.
    """
    by_env: dict[AbstractEnv, list[HeldOut]] = {}
    for maze in mazes:
        by_env.setdefault(maze.env, []).append(maze)
    summaries = {}
    for env_index, (env, members) in enumerate(by_env.items()):
        level_key, play_key = jax.random.split(jax.random.fold_in(key, env_index))
        level_keys = [
            jax.random.split(jax.random.fold_in(level_key, i), num_episodes)
            for i in range(len(members))
        ]
        levels = _sample_all([maze.generator for maze in members], level_keys)
        results = _play(env, students, levels, greedy, play_key)
        for i, maze in enumerate(members):
            chosen = slice(i * num_episodes, (i + 1) * num_episodes)
            summaries[maze.name] = _summary(
                jax.tree.map(lambda leaf, chosen=chosen: leaf[:, chosen], results)
            )
    return {maze.name: summaries[maze.name] for maze in mazes}


@quick_jit
def _sample_all(generators, keys):
    """Levels of each generator, one for each of its keys, one after the other."""
    levels = [
        jax.vmap(generator.sample)(own) for generator, own in zip(generators, keys, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)


def _play(
    env: AbstractEnv, students: AbstractAgent, levels: PyTree, greedy: bool, key: Key[Array, ""]
) -> EpisodeResults:
    keys = jax.random.split(key, students.num_updates.shape[0])
    return _play_all(env, students, levels, greedy, keys)


@quick_jit
def _play_all(env, students, levels, greedy, keys):
    return eqx.filter_vmap(
        lambda student, key: evaluate(env, student, levels, greedy=greedy, key=key)
    )(students, keys)


def _summary(results: EpisodeResults) -> dict[str, Any]:
    results = jax.tree.map(np.asarray, results)
    return {
        "return": float(results.returns.mean()),
        "success_rate": float(results.successes.mean()),
        "episode_length": float(results.lengths.mean()),
        "success_rate_per_student": [float(rate) for rate in results.successes.mean(axis=1)],
        "num_episodes": int(results.returns.shape[1]),
    }
