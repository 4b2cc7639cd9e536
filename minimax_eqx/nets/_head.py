"""Heads: from what the network remembers to a policy or a value."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._ranges import check_at_least
from ._batched import AbstractBatched
from ._dense import Dense, Initialiser, orthogonal


class AbstractHead(eqx.Module):
    """Configures the layers between a network's memory and its policy, and those to its values."""

    @abc.abstractmethod
    def init(
        self, input_size: int, output_size: int, *, output_init: Initialiser, key: Key[Array, ""]
    ) -> Callable[[Float[Array, " input"]], Float[Array, " output"]]:
        """Draws the weights of one head: any module that takes a vector and gives a vector.

        The network calls it for the policy and for each value head. `output_init(key, shape)` draws
        the last layer's weight of `shape` (input, output) as the network wants it: small for a
        policy, so that the first one is close to uniform. A head without such a layer ignores it.
        """


class MLPHead(AbstractHead):
    """Dense layers with tanh between them and none after the last."""

    head_size: int = 32
    """Numbers in a hidden layer."""
    num_layers: int = 1
    """Number of hidden layers; with 0 a head is one affine map."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "head_size")
        check_at_least(self, 0, "num_layers")

    def init(
        self, input_size: int, output_size: int, *, output_init: Initialiser, key: Key[Array, ""]
    ) -> "MLP":
        """Hidden layers start orthogonal with gain sqrt(2); biases start at zero."""
        *hidden_keys, out_key = jax.random.split(key, self.num_layers + 1)
        sizes = [input_size] + [self.head_size] * self.num_layers
        hidden_init = orthogonal(2**0.5)
        hidden = tuple(
            Dense.create(fan_in, self.head_size, init=hidden_init, key=hidden_key)
            for fan_in, hidden_key in zip(sizes, hidden_keys, strict=False)
        )
        out = Dense.create(sizes[-1], output_size, init=output_init, key=out_key)
        return MLP(hidden, out)


class MLP(AbstractBatched):
    """The weights of an `MLPHead`."""

    hidden: tuple[Dense, ...]
    out: Dense

    def __call__(self, x: Float[Array, "*batch input"]) -> Float[Array, "*batch output"]:
        for layer in self.hidden:
            x = jnp.tanh(layer(x))
        return self.out(x)
