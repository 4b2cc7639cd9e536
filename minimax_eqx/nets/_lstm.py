"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._ranges import check_at_least
from .._xla._lstm_scan import LSTMMemory, lstm_cell, lstm_scan
from ._core import AbstractCore, AbstractProjectedCore
from ._dense import orthogonal_gates


class LSTM(AbstractCore):
    """Long short-term memory."""

    hidden_size: int = 256
    """Numbers in the output; the memory has twice as many."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "hidden_size")

    def init(self, input_size: int, *, key: Key[Array, ""]) -> "LSTMWeights":
        """Weights start orthogonal, separately for each gate; the bias starts at zero."""
        input_weight, recurrent_weight = orthogonal_gates(
            input_size, self.hidden_size, num_gates=4, key=key
        )
        return LSTMWeights(input_weight, recurrent_weight, jnp.zeros(4 * self.hidden_size))


class LSTMWeights(AbstractProjectedCore[LSTMMemory]):
    """The weights of an LSTM with one bias, on the recurrent side.

    Gates are stored side by side in the order input, forget, cell, output:
    `z = x W_x + h W_h + b`, `c = s(z_f) c + s(z_i) tanh(z_g)`, `h = s(z_o) tanh(c)`.
    """

    input_weight: Float[Array, "input gates"]
    recurrent_weight: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]

    @property
    def has_memory(self) -> bool:
        return True

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> LSTMMemory:
        shape = (*batch_shape, self.recurrent_weight.shape[-2])
        return LSTMMemory(jnp.zeros(shape), jnp.zeros(shape))

    def step(
        self, x: Float[Array, "*batch input"], memory: LSTMMemory, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch hidden"], LSTMMemory]:
        projected = x @ self.input_weight
        memory = lstm_cell(projected, self.recurrent_weight, self.bias, memory, reset)
        return memory.hidden, memory

    def scan_projected(
        self,
        projected: Float[Array, "time *batch gates"],
        memory: LSTMMemory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch hidden"], LSTMMemory]:
        return lstm_scan(projected, self.recurrent_weight, self.bias, memory, resets)
