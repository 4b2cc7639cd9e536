"""The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078)."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._ranges import check_at_least
from .._xla._gru_scan import gru_cell, gru_scan
from ._core import AbstractCore, AbstractProjectedCore
from ._dense import orthogonal_gates


class GRU(AbstractCore):
    """Gated recurrent unit."""

    hidden_size: int = 256
    """Numbers in the memory, which is also the output."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "hidden_size")

    def init(self, input_size: int, *, key: Key[Array, ""]) -> "GRUWeights":
        """Weights start orthogonal, separately for each gate; biases start at zero."""
        input_weight, recurrent_weight = orthogonal_gates(
            input_size, self.hidden_size, num_gates=3, key=key
        )
        return GRUWeights(
            input_weight=input_weight,
            recurrent_weight=recurrent_weight,
            bias=jnp.zeros(3 * self.hidden_size),
            candidate_bias=jnp.zeros(self.hidden_size),
        )


class GRUWeights(AbstractProjectedCore[Float[Array, "*batch hidden"]]):
    """The weights of a GRU that resets after the recurrent product, as flax's and cuDNN's.

    Gates are stored side by side in the order reset, update, candidate: with `p = x W_x + b` and
    `q = h W_h`, `r = s(p_r + q_r)`, `z = s(p_z + q_z)`, `n = tanh(p_n + r (q_n + b_h))` and
    `h = (1 - z) n + z h`.
    """

    input_weight: Float[Array, "input gates"]
    recurrent_weight: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]
    candidate_bias: Float[Array, " hidden"]

    @property
    def has_memory(self) -> bool:
        return True

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> Float[Array, "*batch hidden"]:
        return jnp.zeros((*batch_shape, self.recurrent_weight.shape[-2]))

    def step(
        self,
        x: Float[Array, "*batch input"],
        memory: Float[Array, "*batch hidden"],
        reset: Bool[Array, "*batch"],
    ) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
        memory = gru_cell(self._recurrent_part(), x @ self.input_weight, memory, reset)
        return memory, memory

    def scan_projected(
        self,
        projected: Float[Array, "time *batch gates"],
        memory: Float[Array, "*batch hidden"],
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch hidden"], Float[Array, "*batch hidden"]]:
        outputs = gru_scan(self._recurrent_part(), projected, memory, resets)
        return outputs, outputs[-1]

    def _recurrent_part(self):
        return self.recurrent_weight, self.bias, self.candidate_bias
