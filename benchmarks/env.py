"""The environment alone: random actions in many mazes at once."""

from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.rollouts import begin, load_worlds, play_on

from .timing import MatrixProduct, measure

BATCH, NUM_STEPS, NUM_SPARE_LEVELS = 4096, 256, 7


def bench(yardstick: MatrixProduct) -> dict[str, Any]:
    """Environment steps per second, playing one level again and going on to fresh ones.

    Every observation of every step is computed and used. Actions are drawn and worlds are loaded
    inside the timed program; drawing the levels is not in it.
    """
    env = Maze()
    generator = RandomWalls(num_walls=60)
    keys = jax.random.split(jax.random.key(0), (BATCH, 1 + NUM_SPARE_LEVELS))
    drawn = jax.jit(jax.vmap(jax.vmap(generator.sample)))(keys)
    levels = jax.tree.map(lambda leaf: leaf[:, 0], drawn)
    spares = jax.tree.map(lambda leaf: leaf[:, 1:], drawn)

    @jax.jit
    def play(levels, spares, key):
        worlds = jax.vmap(lambda *given: load_worlds(env, *given))(levels, spares)
        plays = jax.vmap(lambda world: begin(env, world, key=key))(worlds)
        actions = jax.random.bits(key, (NUM_STEPS, BATCH), jnp.uint8) % env.num_actions

        def step(carry, actions):
            plays, images, rewards = carry

            def one(world, play, action):
                play, time_step = play_on(env, world, play, action, key=key)
                return play, env.observe(world.at(play.turn), play.state), time_step.reward

            plays, observations, reward = jax.vmap(one)(worlds, plays, actions.astype(jnp.int32))
            return (plays, images + observations.image, rewards + reward), None

        images = jnp.zeros((BATCH, env.view_size, env.view_size, 3), jnp.uint8)
        carry = (plays, images, jnp.zeros(BATCH))
        return jax.lax.scan(step, carry, actions)[0]

    results = {}
    for name, given in (("same level", None), ("fresh level", spares)):
        key = jax.random.key(1)
        timing = measure(lambda given=given, key=key: play(levels, given, key), yardstick)
        results[name] = timing | {
            "steps_per_second": BATCH * NUM_STEPS / timing["seconds"],
            "best_steps_per_second": BATCH * NUM_STEPS / timing["best_seconds"],
        }
    return results
