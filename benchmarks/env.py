"""The environment alone: random actions in many mazes at once."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.rollouts._play import begin, load_worlds, play_on

from .timing import Limits, MatrixProduct, measure, with_rate

BATCHES = (32, 128, 512, 1024, 4096, 16384)
NUM_STEPS, NUM_SPARE_LEVELS = 256, 7


def bench(
    yardstick: MatrixProduct, limits: Limits, batches: Sequence[int] = BATCHES
) -> dict[str, Any]:
    """Environment steps per second, playing one level again and going on to fresh ones.

    Every observation of every step is computed and used. Actions are drawn and worlds are loaded
    inside the timed program; drawing the levels is not in it.
    """
    results = {}
    for batch in batches:
        for name, timing in bench_batch(batch, yardstick, limits).items():
            results[f"batch {batch}, {name}"] = timing
    return results


def bench_batch(batch: int, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """So many mazes side by side."""
    env = Maze()
    num_actions = env.action_spec().num_actions
    generator = RandomWalls(num_walls=60)
    keys = jax.random.split(jax.random.key(0), (batch, 1 + NUM_SPARE_LEVELS))
    sample = lambda key: generator.sample(env.level_spec(), key=key)  # noqa: E731
    drawn = jax.jit(jax.vmap(jax.vmap(sample)))(keys)
    levels = jax.tree.map(lambda leaf: leaf[:, 0], drawn)
    spares = jax.tree.map(lambda leaf: leaf[:, 1:], drawn)

    @jax.jit
    def play(levels, spares, key):
        worlds = jax.vmap(lambda *given: load_worlds(env, *given))(levels, spares)
        plays = jax.vmap(lambda world: begin(env, world, key=key))(worlds)
        actions = jax.random.bits(key, (NUM_STEPS, batch), jnp.uint8) % num_actions

        def step(carry, actions):
            plays, images, rewards = carry

            def one(world, play, action):
                play, time_step = play_on(env, world, play, action, key=key)
                return play, env.observe(world.at(play.turn), play.state), time_step.reward

            plays, observations, reward = jax.vmap(one)(worlds, plays, actions.astype(jnp.int32))
            return (plays, images + observations.image, rewards + reward), None

        images = jnp.zeros((batch, env.view_size, env.view_size, 3), jnp.uint8)
        carry = (plays, images, jnp.zeros(batch))
        return jax.lax.scan(step, carry, actions)[0]

    results = {}
    for name, given in (("same level", None), ("fresh level", spares)):
        key = jax.random.key(1)
        timing = measure(lambda given=given, key=key: play(levels, given, key), yardstick, limits)
        results[name] = with_rate(timing, batch * NUM_STEPS)
    return results
