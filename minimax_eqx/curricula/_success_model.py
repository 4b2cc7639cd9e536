"""An ensemble of small networks that predict how often levels will be solved."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from .._types import PyTree
from .._xla._filtered import filter_scan
from ..agents import Adam
from ..nets._batched import over_leading_axes
from ..nets._encoder import AbstractEncoder
from ..nets._running_moments import parameters_of
from ._played_window import Window


class Predictor(eqx.Module):
    """A network that reads levels and gives the logits of their success rates."""

    encoder: Callable[[Any], Float[Array, " features"]]
    head: eqx.nn.MLP

    @classmethod
    def create(cls, encoder: AbstractEncoder, level: PyTree, *, key: Key[Array, ""]) -> "Predictor":
        encoder_key, head_key = jax.random.split(key)
        weights = encoder.init(level, key=encoder_key)
        size = eqx.filter_eval_shape(lambda weights, x: weights(x), weights, level).shape[-1]
        return cls(weights, eqx.nn.MLP(size, "scalar", size, 1, key=head_key))

    def __call__(self, levels: PyTree) -> Float[Array, " level"]:
        return jax.vmap(self.head)(over_leading_axes(self.encoder, 1)(levels))


class SuccessModel(eqx.Module):
    """The ensemble, and its optimiser's state."""

    networks: Predictor  # leading axis: network
    optimiser: PyTree

    @classmethod
    def create(
        cls,
        encoder: AbstractEncoder,
        level: PyTree,
        num_networks: int,
        optimiser: Adam,
        *,
        key: Key[Array, ""],
    ) -> "SuccessModel":
        """So many networks, each with weights of its own."""
        networks = eqx.filter_vmap(lambda key: Predictor.create(encoder, level, key=key))(
            jax.random.split(key, num_networks)
        )
        return cls(networks, optimiser.init(parameters_of(networks)[0]))

    def predicted(self, levels: PyTree) -> Float[Array, " level"]:
        """The mean of what all networks predict for each level."""
        logits = eqx.filter_vmap(lambda net: net(levels))(self.networks)
        return jnp.mean(jax.nn.sigmoid(logits), axis=0).astype(jnp.float32)

    def fitted(
        self,
        window: Window,
        optimiser: Adam,
        *,
        num_steps: int,
        batch_size: int,
        key: Key[Array, ""],
    ) -> "SuccessModel":
        """After steps by cross-entropy, each from levels that every network draws for itself."""
        is_filled = (window.count > 0).astype(jnp.float32)
        num_networks = len(jax.tree.leaves(eqx.filter(self.networks, eqx.is_array))[0])

        def loss(networks, slots):
            levels = jax.tree.map(lambda leaf: leaf[slots], window.levels)
            logits = eqx.filter_vmap(lambda net, levels: net(levels))(networks, levels)
            entropy = optax.sigmoid_binary_cross_entropy(logits, window.success_rates[slots])
            # The networks share no weights, so the gradient of the sum is each one's own.
            return is_filled * jnp.sum(jnp.mean(entropy, axis=1))

        def step(carry, key):
            networks, optimiser_state = carry
            shape = (num_networks, batch_size)
            slots = jax.random.randint(key, shape, 0, jnp.maximum(window.count, 1), jnp.int32)
            weights, rest = parameters_of(networks)
            gradient = jax.grad(lambda w: loss(eqx.combine(w, rest), slots))(weights)
            steps, optimiser_state = optimiser.update(gradient, optimiser_state, weights)
            return (eqx.apply_updates(networks, steps), optimiser_state), None

        keys = jax.random.split(key, num_steps)
        (networks, optimiser_state), _ = filter_scan(step, (self.networks, self.optimiser), keys)
        return SuccessModel(networks, optimiser_state)
