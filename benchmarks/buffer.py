"""The level buffer alone: one sample and one update, as in a cycle of level replay."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx._xla._compile import quick_jit
from minimax_eqx.curricula._level_buffer import LevelBuffer
from minimax_eqx.curricula._replay_rules import ReplayRules
from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls

from .timing import Limits, MatrixProduct, block, measure

CAPACITIES = (1_000, 4_000, 16_000, 64_000)
BATCH, REPEATS = 32, 15


def bench(
    yardstick: MatrixProduct, limits: Limits, capacities: Sequence[int] = CAPACITIES
) -> dict[str, dict[str, float]]:
    """Seconds to draw 32 mazes from a full buffer and to offer it 32 fresh ones.

    Both are one program, to which the buffer is donated.
    """
    results = {}
    for capacity in capacities:
        run = cycles(full_buffer(capacity))
        timing = measure(lambda run=run: next(run), yardstick, limits, repeats=REPEATS)
        results[f"capacity {capacity}"] = timing
    return results


def full_buffer(capacity: int) -> LevelBuffer:
    """A buffer of blank levels with made-up scores and ages; neither changes what is computed."""
    score_key, age_key = jax.random.split(jax.random.key(0))
    return dataclasses.replace(
        LevelBuffer.empty(Maze().level_spec(), capacity, record=jnp.zeros(())),
        scores=jax.random.uniform(score_key, (capacity,)),
        ages=jax.random.randint(age_key, (capacity,), 0, capacity),
        filled=jnp.ones(capacity, bool),
    )


def cycles(buffer: LevelBuffer) -> Iterator[Any]:
    """Samples and updates, again and again; what they are given is ready before the first."""
    generator, rules = RandomWalls(num_walls=60), ReplayRules()

    @jax.jit
    def fresh(key):
        sample = lambda key: generator.sample(buffer.level_spec(), key=key)  # noqa: E731
        levels = jax.vmap(sample)(jax.random.split(key, BATCH))
        return levels, jax.random.uniform(key, (BATCH,)), key

    given = [fresh(key) for key in jax.random.split(jax.random.key(1), REPEATS + 1)]
    block((buffer, given))

    def cycle(buffer, given):
        levels, scores, key = given
        buffer, slots = rules.sample(buffer, BATCH, key=key)
        records = buffer.records_of(levels, jnp.zeros(()))
        buffer = buffer.update(
            levels,
            scores,
            opponent=rules.opponent,
            records=records,
            news=scores,
            merge=jnp.maximum,
        )
        return buffer, slots

    jitted = quick_jit(cycle, donate="all")
    for one in given:
        buffer, slots = jitted(buffer, one)
        yield buffer, slots
