"""A memory of your own: averages of the past over horizons that are learned."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import minimax_eqx as mx


class Averages(mx.nets.AbstractRecurrentCore[Float[Array, "*batch input"]]):
    logit_rates: Float[Array, " input"]  # how fast each feature's average follows it

    @property
    def output_size(self):
        return 2 * self.logit_rates.shape[-1]

    def initial_carry(self, batch_shape=()):
        return jnp.zeros((*batch_shape, self.logit_rates.shape[-1]))

    def step(self, x, carry, reset):
        average = jnp.where(reset[..., None], 0.0, carry)  # before the input is read
        average = average + jax.nn.sigmoid(self.logit_rates) * (x - average)
        return jnp.concatenate([x, average], axis=-1), average

    def scan(self, xs, carry, resets):
        def body(carry, inputs):
            output, carry = self.step(inputs[0], carry, inputs[1])
            return carry, output

        carry, outputs = jax.lax.scan(body, carry, (xs, resets))
        return outputs, carry


env, keys = mx.envs.Maze(), jax.random.split(jax.random.key(0), 4)
encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=keys[0])
core = Averages(jnp.linspace(-4.0, 0.0, encoder.output_size))
network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=keys[1])

# A memory is read step by step in a rollout, and over the whole sequence in an update.
levels = jax.vmap(mx.envs.maze.RandomWalls().sample)(jax.random.split(keys[2], 12))
worlds = jax.vmap(env.load)(levels)
views = jax.vmap(lambda world: env.observe(world, env.reset(world, key=keys[3])))(worlds)
resets = jnp.arange(12) % 5 == 0


def one_step(memory, inputs):
    predictions, memory = network.step(inputs[0], memory, inputs[1])
    return memory, predictions


_, stepped = jax.lax.scan(one_step, network.initial_carry(), (views, resets))
scanned, _ = network.scan(views, network.initial_carry(), resets)
agree = jnp.allclose(stepped.values, scanned.values, atol=1e-5)
print(f"values of {scanned.values.shape[0]} steps; step and scan agree: {bool(agree)}")
