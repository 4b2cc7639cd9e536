"""A small world that takes actions of any kind, and whose levels have two parts."""

import jax
import jax.numpy as jnp

from minimax_eqx.envs import AbstractEnv, Box, Discrete, MultiDiscrete, TimeStep

NUM_CHOICES = 4


class Guess(AbstractEnv):
    """One sees the level, and guesses its number; an action's error is the penalty."""

    actions: Discrete | MultiDiscrete | Box
    max_episode_steps: int = 2

    def action_spec(self):
        return self.actions

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return jnp.zeros((), jnp.int32)

    def step(self, world, state, action, *, key):
        error = jnp.abs(jnp.asarray(action, jnp.float32) - world["number"].astype(jnp.float32))
        over, false = state + 1 >= self.max_episode_steps, jnp.zeros((), bool)
        return TimeStep(state + 1, -jnp.mean(error), over, false, false)

    def observe(self, world, state):
        seen = {"level": world}
        if self.actions == Discrete(NUM_CHOICES, masked=True):
            # What is two too many is impossible.
            seen["action_mask"] = jnp.arange(-2, NUM_CHOICES - 2) < world["number"].astype(
                jnp.int32
            )
        return seen

    def level_spec(self):
        return jax.eval_shape(lambda: levels_of(jnp.zeros(())))

    def observation_spec(self):
        return jax.eval_shape(lambda: self.observe(levels_of(jnp.zeros(())), None))

    def level_metrics(self, level):
        return {}


def levels_of(numbers):
    """A level, or several, of these numbers; the other part says nothing."""
    return {"number": numbers.astype(jnp.int8), "zeros": jnp.zeros((*numbers.shape, 2))}
