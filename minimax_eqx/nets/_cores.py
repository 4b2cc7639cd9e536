"""Memory: recurrent cores, stepped one observation at a time or scanned over a sequence."""

import abc
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._types import Carry
from ._dense import orthogonal, product
from ._lstm_scan import LSTMCarry, lstm_cell, lstm_scan
from ._sizes import check_sizes


class AbstractRecurrentCore(eqx.Module, Generic[Carry]):
    """A sequence model whose memory can be cleared at any step.

    Where `reset` is true the carry is replaced by zeros before the input of that step is read.
    `step` and `scan` must agree: scanning a sequence gives what stepping through it gives.
    """

    @property
    @abc.abstractmethod
    def output_size(self) -> int:
        """Numbers in an output."""

    @abc.abstractmethod
    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The memory at the start of an episode, with leading axes `batch_shape`."""

    @abc.abstractmethod
    def step(
        self, x: Float[Array, "*batch input"], carry: Carry, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch output"], Carry]:
        """Reads one input."""

    @abc.abstractmethod
    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        carry: Carry,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Carry]:
        """Reads a sequence; returns the outputs and the carry after the last step."""


class AbstractProjectedCore(AbstractRecurrentCore[Carry], Generic[Carry]):
    """A core that multiplies every input by a matrix first, which needs no memory.

    Over a sequence that is one product for all steps, and an encoder may know a faster way to it:
    see `AbstractProjectingEncoder`.
    """

    input_weight: eqx.AbstractVar[Float[Array, "input projected"]]

    @abc.abstractmethod
    def scan_projected(
        self,
        projected: Float[Array, "time *batch projected"],
        carry: Carry,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Carry]:
        """`scan`, given the inputs multiplied by `input_weight`."""

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        carry: Carry,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Carry]:
        return self.scan_projected(product(xs, self.input_weight), carry, resets)


class LSTM(AbstractProjectedCore[LSTMCarry]):
    """Long short-term memory with one bias, on the recurrent side.

    Gates are stored side by side in the order input, forget, cell, output:
    `z = x W_x + h W_h + b`, `c = s(z_f) c + s(z_i) tanh(z_g)`, `h = s(z_o) tanh(c)`.
    """

    input_weight: Float[Array, "input gates"]
    recurrent_weight: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]

    @classmethod
    def create(cls, input_size: int, hidden_size: int, *, key: Key[Array, ""]) -> "LSTM":
        """Weights start orthogonal, separately for each gate; the bias starts at zero.

        Raises `ValueError` for a size that is less than 1.
        """
        check_sizes("LSTM", input_size=input_size, hidden_size=hidden_size)
        init = orthogonal()
        keys = jax.random.split(key, (2, 4))

        def four_gates(keys, fan_in):
            gates = jax.vmap(lambda key: init(key, (fan_in, hidden_size)))(keys)
            return jnp.moveaxis(gates, 0, 1).reshape(fan_in, 4 * hidden_size)

        return cls(
            input_weight=four_gates(keys[0], input_size),
            recurrent_weight=four_gates(keys[1], hidden_size),
            bias=jnp.zeros(4 * hidden_size),
        )

    @property
    def output_size(self) -> int:
        return self.recurrent_weight.shape[-2]

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> LSTMCarry:
        shape = (*batch_shape, self.output_size)
        return LSTMCarry(jnp.zeros(shape), jnp.zeros(shape))

    def step(
        self, x: Float[Array, "*batch input"], carry: LSTMCarry, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch hidden"], LSTMCarry]:
        projected = x @ self.input_weight
        carry = lstm_cell(projected, self.recurrent_weight, self.bias, carry, reset)
        return carry.hidden, carry

    def scan_projected(
        self,
        projected: Float[Array, "time *batch gates"],
        carry: LSTMCarry,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch hidden"], LSTMCarry]:
        return lstm_scan(projected, self.recurrent_weight, self.bias, carry, resets)


class Feedforward(AbstractRecurrentCore[None]):
    """No memory: the output is the input."""

    size: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_sizes("Feedforward", size=self.size)

    @property
    def output_size(self) -> int:
        return self.size

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> None:
        del batch_shape

    def step(
        self, x: Float[Array, "*batch input"], carry: None, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch input"], None]:
        del reset
        return x, carry

    def scan(
        self, xs: Float[Array, "time *batch input"], carry: None, resets: Bool[Array, "time *batch"]
    ) -> tuple[Float[Array, "time *batch input"], None]:
        del resets
        return xs, carry
