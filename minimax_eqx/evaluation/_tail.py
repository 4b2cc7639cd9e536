"""How students do on the levels that they are worst at.

The protocol of *No Regrets* (Rutherford et al. 2024, arXiv 2408.15099): of many levels that can be
solved, the worst `alpha` per cent count, as the conditional value at risk counts the worst outcomes
of an investment. One set of episodes finds them, and another set measures them. With one set alone,
levels on which a student was only unlucky would look bad.
"""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._types import PyTree
from .._xla._compile import quick_jit
from ..agents import Agent
from ..envs import AbstractEnv, AbstractLevelGenerator
from ..envs._step_spec import step_spec
from ..rollouts._evaluation import EpisodeResults
from ..rollouts._optimum import optimum_of
from ..runners._experiment import Experiment
from ..runners._precision import matmul_precision
from ..runners._runner import Runner
from ..runners._success import judge_results
from ._evaluate import generator_of, seed_of
from ._queue import play_episodes

# A stream of random numbers of its own, apart from training and tests.
TAIL_STREAM = 1_000_037
# How many levels are drawn at once, and how often at most, until enough of them can be solved.
DRAWN_AT_ONCE, MOST_DRAWS = 4_096, 1_000
# Of one program, which an interrupt waits for.
EPISODES_AT_ONCE = 2**15
# Shares of the levels, in per cent; the smallest is one level of 10,000.
PERCENTS = (
    *(round(first * 10.0**power, 2) for power in (-2, -1, 0, 1) for first in (1, 1.5, 2, 3, 5, 7)),
    100.0,
)


class Levels(eqx.Module):
    """Levels that can be solved, as far as the environment knows (leading axis `level`).

    `solvable_by` names what it told that by: `"passable"` of its metrics of a level,
    `"optimal_return"`, or neither. `num_drawn` were looked at.
    """

    levels: PyTree
    optima: Float[np.ndarray, " level"] | None
    num_drawn: int
    solvable_by: tuple[str, ...]


class TwiceMeasured(eqx.Module):
    """Means over two independent sets of episodes of each level: success rates, and returns.

    Success rates are None where nobody says what success is.
    """

    finding: Float[np.ndarray, "student level"] | None
    measuring: Float[np.ndarray, "student level"] | None
    finding_returns: Float[np.ndarray, "student level"]
    measuring_returns: Float[np.ndarray, "student level"]


def tail(
    experiment: Experiment,
    runner: Runner,
    *,
    num_levels: int = 10_000,
    num_episodes: int = 10,
) -> dict[str, Any]:
    """The success rate of a runner's students on the worst of many levels that can be solved.

    `num_levels` are drawn as the evaluation's unseen levels are (all of them, if the generator
    has fewer), and each is played for `num_episodes` episodes twice: once to find the worst levels
    of each student, once to measure how it plays those.

    Returns plain data: `percent`, shares of the levels from one level up to all; `success_rate`,
    the mean over the worst of them and over students; `success_rate_per_student`; and, where the
    environment knows the best returns, `regret`, of the levels with the largest. `solvable_by` says
    how the environment tells which levels can be solved; it is empty where it does not, and then
    all levels count.

    Raises `ValueError` where nobody says what success is, without a generator, and if hardly any
    level can be solved.
    """
    options, runner = experiment.evaluation, runner.on(None)
    env, students = runner.experiment.env, runner.students
    generator = generator_of(experiment, runner)
    if generator is None:
        raise ValueError(
            "tail: no generator of levels is known. Give one in the evaluation's field `unseen`, "
            "such as RandomWalls()."
        )
    if experiment.success_return is None and step_spec(env).success is None:
        raise ValueError(
            f"tail: {type(env).__name__} does not say what a success is. Give the experiment a "
            "`success_return`, from which on an episode is one."
        )
    key = jax.random.fold_in(jax.random.key(seed_of(experiment)), TAIL_STREAM)
    level_key, play_key = jax.random.split(key)
    with matmul_precision(experiment):
        chosen = solvable_levels(env, generator, num_levels, key=level_key)
        found = measure_twice(
            dataclasses.replace(experiment, env=env),
            students,
            chosen.levels,
            num_episodes=num_episodes,
            greedy=options.greedy,
            key=play_key,
        )
    assert found.finding is not None
    assert found.measuring is not None
    count = found.finding.shape[1]
    percent, rates = worst_of(found.finding, found.measuring)
    regrets = {}
    if chosen.optima is not None:
        lost = [chosen.optima - r for r in (found.finding_returns, found.measuring_returns)]
        # The larger the worse; no return is above the optimum, but by rounding.
        regrets = {"regret": -worst_of(*(-np.maximum(x, 0) for x in lost))[1].mean(axis=0)}
    return {
        "cycle": int(runner.num_cycles),
        "updates": int(students.num_updates[0]),
        "greedy": options.greedy,
        "seed": seed_of(experiment),
        "num_levels": count,
        "num_drawn": chosen.num_drawn,
        "num_episodes": num_episodes,
        "solvable_by": list(chosen.solvable_by),
        "percent": percent.tolist(),
        "success_rate": rates.mean(axis=0).tolist(),
        "success_rate_per_student": rates.tolist(),
        **{name: values.tolist() for name, values in regrets.items()},
    }


def worst_of(
    finding: Float[np.ndarray, "student level"], measuring: Float[np.ndarray, "student level"]
) -> tuple[Float[np.ndarray, " share"], Float[np.ndarray, "student share"]]:
    """Shares of the levels in per cent, and the mean of `measuring` over that share of each
    student's levels for which `finding` is lowest; of equal ones those that come first."""
    count = finding.shape[1]
    percent = np.array([p for p in PERCENTS if p * count >= 100] or [100.0])
    nums = [math.ceil(round(p * count / 100, 6)) for p in percent]
    order = np.argsort(finding, axis=1, kind="stable")
    ordered = np.take_along_axis(measuring.astype(np.float64), order, axis=1)
    means = np.cumsum(ordered, axis=1) / np.arange(1, count + 1)
    return percent, means[:, np.array(nums) - 1]


def solvable_levels(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    num_levels: int,
    *,
    key: Key[Array, ""],
) -> Levels:
    """Draws levels until `num_levels` of them can be solved, or takes all that there are.

    Raises `ValueError` if there are none, or if they are too rare.
    """
    if num_levels < 1:
        raise ValueError(f"tail: num_levels is {num_levels}; it must be at least 1.")
    listed = generator.list_levels(env.level_spec())
    is_short = listed is not None and len(listed[0]) <= num_levels
    kept, optima, drawn, count, solvable_by = [], [], 0, 0, ()
    while count < num_levels and drawn < MOST_DRAWS * DRAWN_AT_ONCE:
        if listed is not None and is_short:
            levels = jax.tree.map(jnp.asarray, listed[1])
        else:
            levels = _draw(env, generator, key, jnp.uint32(drawn))
        solvable, known = _judge(env, levels)
        solvable_by = tuple(solvable)
        good = np.all([np.asarray(v) for v in solvable.values()], axis=0)
        rows = np.flatnonzero(np.broadcast_to(good, jax.tree.leaves(levels)[0].shape[:1]))
        rows = rows[: num_levels - count]
        kept.append(jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], levels))
        optima.append(None if known is None else np.asarray(known)[rows])
        drawn, count = drawn + jax.tree.leaves(levels)[0].shape[0], count + rows.size
        if is_short:
            break
    if count == 0 or (count < num_levels and not is_short):
        raise ValueError(
            f"tail: of {drawn:,} levels that {type(generator).__name__} drew, {count:,} can be "
            f"solved, and num_levels is {num_levels:,}. Ask for fewer, or of another generator."
        )
    levels = jax.tree.map(lambda *leaves: np.concatenate(leaves), *kept)
    best = None if optima[0] is None else np.concatenate(optima)
    return Levels(levels, best, drawn, solvable_by)


def measure_twice(
    experiment: Experiment,
    students: Agent,
    levels: PyTree,
    *,
    num_episodes: int,
    greedy: bool = False,
    key: Key[Array, ""],
) -> TwiceMeasured:
    """Plays each level (leading axis `level`) with each student for twice `num_episodes` episodes.

    An episode's chance comes from `key` and the numbers of its set, student, level and episode.
    """
    if num_episodes < 1:
        raise ValueError(f"tail: num_episodes is {num_episodes}; it must be at least 1.")
    arrays, static = eqx.partition(students, eqx.is_array)
    sets = []
    for number in range(2):
        of_students = []
        for index in range(students.num_updates.shape[0]):
            student = eqx.combine(jax.tree.map(lambda leaf, i=index: leaf[i], arrays), static)
            own_key = jax.random.fold_in(jax.random.fold_in(key, number), index)
            of_students.append(
                _means(experiment, student, levels, num_episodes, greedy=greedy, key=own_key)
            )
        sets.append([_stacked(values) for values in zip(*of_students, strict=True)])
    (finding, finding_returns), (measuring, measuring_returns) = sets
    return TwiceMeasured(finding, measuring, finding_returns, measuring_returns)


def _stacked(values: tuple[Any, ...]) -> np.ndarray | None:
    return None if values[0] is None else np.stack(values)


def _means(
    experiment: Experiment,
    student: Agent,
    levels: PyTree,
    num_episodes: int,
    *,
    greedy: bool,
    key: Key[Array, ""],
) -> list[Any]:
    """The success rate, if it is known, and the mean return of each level, by batches of levels
    that all have one size."""
    count = jax.tree.leaves(levels)[0].shape[0]
    num_batches = -(-count * num_episodes // EPISODES_AT_ONCE)
    size = -(-count // num_batches)
    found = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        batch = jax.tree.map(lambda leaf, rows=rows: leaf[rows], levels)
        keys, level_of = _keys(key, jnp.arange(start, start + size, dtype=jnp.uint32), num_episodes)
        results: EpisodeResults = jax.device_get(
            play_episodes(experiment.env, student.network, batch, level_of, keys, greedy=greedy)
        )
        results = judge_results(experiment, results)
        found.append((results.successes, results.returns))
    return [
        None if of[0] is None else np.concatenate(of).reshape(-1, num_episodes).mean(axis=1)[:count]
        for of in zip(*found, strict=True)
    ]


@quick_jit
def _keys(
    key: Key[Array, ""], indices: UInt32[Array, " level"], num_episodes: int
) -> tuple[Key[Array, " episode"], Int[Array, " episode"]]:
    """A key for each episode of each level, and the place of its level in the batch."""
    episodes = jnp.arange(num_episodes, dtype=jnp.uint32)
    numbered = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    keys = jax.vmap(lambda own: numbered(own, episodes))(numbered(key, indices))
    places = jnp.arange(indices.size, dtype=jnp.int32)
    return keys.reshape(-1), jnp.repeat(places, num_episodes)


@quick_jit
def _draw(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    key: Key[Array, ""],
    start: UInt32[Array, ""],
) -> PyTree:
    indices = start + jnp.arange(DRAWN_AT_ONCE, dtype=jnp.uint32)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)
    return jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)


@quick_jit
def _judge(
    env: AbstractEnv, levels: PyTree
) -> tuple[dict[str, Bool[Array, " level"]], Float[Array, " level"] | None]:
    """By what the environment tells whether each level can be solved, and the best returns."""
    measured, optima = jax.vmap(env.level_metrics)(levels), optimum_of(env, levels)
    told = {}
    if "passable" in measured:
        told["passable"] = measured["passable"] > 0
    if optima is not None:
        # It is 0 where a level cannot be solved, or not in time.
        told["optimal_return"] = optima != 0
    return told, optima
