"""What a step of an environment gives, from shapes alone."""

import equinox as eqx
import jax

from ._env import AbstractEnv, TimeStep


def step_spec(env: AbstractEnv) -> TimeStep:
    """The structure of a step, as `jax.ShapeDtypeStruct`s: nothing is played.

    It tells whether the environment says what success is, for example.
    """

    def step(level, key):
        keys = jax.random.split(key, 3)
        world = env.load(level)
        state = env.reset(world, key=keys[0])
        return env.step(world, state, env.action_spec().sample(keys[1]), key=keys[2])

    return eqx.filter_eval_shape(step, env.level_spec(), jax.random.key(0))
