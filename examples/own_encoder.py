"""An encoder of your own, made of Equinox's layers: you write it for one observation.

minimax-eqx train own_encoder.py --num-filters 8 --kernel-size 2
"""

import equinox as eqx
import jax
import jax.numpy as jnp

import minimax_eqx as mx


class DeepGrid(mx.nets.AbstractEncoder):
    """Two convolutions of the view, beside the direction."""

    num_filters: int = 16
    """Filters of each convolution."""
    kernel_size: int = 3
    """Side of the convolutions' kernels, in cells."""

    def init(self, observation, *, key):
        keys = jax.random.split(key, 2)
        channels = observation.image.shape[-1]
        relu = eqx.nn.Lambda(jax.nn.relu)
        return Features(
            eqx.nn.Sequential(
                [
                    eqx.nn.Conv2d(channels, self.num_filters, self.kernel_size, key=keys[0]),
                    relu,
                    eqx.nn.Conv2d(
                        self.num_filters, self.num_filters, self.kernel_size, key=keys[1]
                    ),
                    relu,
                    eqx.nn.Lambda(jnp.ravel),
                ]
            )
        )


class Features(eqx.Module):
    """The weights of a `DeepGrid`."""

    layers: eqx.nn.Sequential

    def __call__(self, observation):
        pixels = jnp.moveaxis(observation.image, -1, 0).astype(jnp.float32) / 10
        direction = jax.nn.one_hot(observation.agent_dir, 4)
        return jnp.concatenate([self.layers(pixels), direction])


experiment = mx.Experiment(
    env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=DeepGrid(), core=mx.nets.GRU(32)),
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        entropy_coef=1e-2,
    ),
    curriculum=mx.curricula.DomainRandomisation(mx.envs.maze.RandomWalls(num_walls=12)),
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)
