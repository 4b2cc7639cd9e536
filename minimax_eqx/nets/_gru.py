"""The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), with a derivative written by hand.

As with the LSTM, the backward scan only collects the gradients of the gates, and the gradient of
the recurrent weight is one matrix product after it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._xla._lanes import num_lanes_of, scan_in_lanes
from ._cores import AbstractProjectedCore
from ._dense import orthogonal
from ._sizes import check_sizes


class GRU(AbstractProjectedCore[Float[Array, "*batch hidden"]]):
    """Gated recurrent unit that resets after the recurrent product, as flax's and cuDNN's.

    Gates are stored side by side in the order reset, update, candidate: with `p = x W_x + b` and
    `q = h W_h`, `r = s(p_r + q_r)`, `z = s(p_z + q_z)`, `n = tanh(p_n + r (q_n + b_h))` and
    `h = (1 - z) n + z h`.
    """

    input_weight: Float[Array, "input gates"]
    recurrent_weight: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]
    candidate_bias: Float[Array, " hidden"]

    @classmethod
    def create(cls, input_size: int, hidden_size: int, *, key: Key[Array, ""]) -> "GRU":
        """Weights start orthogonal, separately for each gate; biases start at zero.

        Raises `ValueError` for a size that is less than 1.
        """
        check_sizes("GRU", input_size=input_size, hidden_size=hidden_size)
        init = orthogonal()
        keys = jax.random.split(key, (2, 3))

        def three_gates(keys, fan_in):
            gates = jax.vmap(lambda key: init(key, (fan_in, hidden_size)))(keys)
            return jnp.moveaxis(gates, 0, 1).reshape(fan_in, 3 * hidden_size)

        return cls(
            input_weight=three_gates(keys[0], input_size),
            recurrent_weight=three_gates(keys[1], hidden_size),
            bias=jnp.zeros(3 * hidden_size),
            candidate_bias=jnp.zeros(hidden_size),
        )

    @property
    def output_size(self) -> int:
        return self.recurrent_weight.shape[-2]

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> Float[Array, "*batch hidden"]:
        return jnp.zeros((*batch_shape, self.output_size))

    def step(
        self,
        x: Float[Array, "*batch input"],
        carry: Float[Array, "*batch hidden"],
        reset: Bool[Array, "*batch"],
    ) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
        hidden, _ = _cell(self._recurrent_part(), x @ self.input_weight, carry, reset)
        return hidden, hidden

    def scan_projected(
        self,
        projected: Float[Array, "time *batch gates"],
        carry: Float[Array, "*batch hidden"],
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch hidden"], Float[Array, "*batch hidden"]]:
        outputs = _scan(self._recurrent_part(), projected, carry, resets)
        return outputs, outputs[-1]

    def _recurrent_part(self):
        return self.recurrent_weight, self.bias, self.candidate_bias


def _cell(weights, projected, hidden, reset):
    """One step from the projected input; returns the output, and the gates and `q_n + b_h`."""
    recurrent_weight, bias, candidate_bias = weights
    hidden = jnp.where(reset[..., None], 0.0, hidden)
    size = hidden.shape[-1]
    # Added here, the biases fuse with the rest; outside they would be one more pass.
    projected = projected + jnp.broadcast_to(bias, projected.shape)
    recurrent = hidden @ recurrent_weight
    gates = jax.nn.sigmoid(projected[..., : 2 * size] + recurrent[..., : 2 * size])
    r, z = jnp.split(jax.lax.optimization_barrier(gates), 2, axis=-1)
    remembered = recurrent[..., 2 * size :] + jnp.broadcast_to(candidate_bias, hidden.shape)
    n = jnp.tanh(projected[..., 2 * size :] + r * remembered)
    n = jax.lax.optimization_barrier(n)
    return (1 - z) * n + z * hidden, (r, z, n, remembered)


@jax.custom_vjp
def _scan(weights, projected, first, resets):
    return _forward(weights, projected, first, resets)[0]


def _forward(weights, projected, first, resets):
    def body(_, hidden, inputs):
        hidden, saved = _cell(weights, inputs[0], hidden, inputs[1])
        return hidden, (hidden, saved)

    _, (outputs, saved) = scan_in_lanes(
        body, None, first, (projected, resets), num_lanes=num_lanes_of(resets.shape[1:])
    )
    return outputs, (weights[0], first, resets, outputs, saved)


def _backward(residuals, cotangents):
    recurrent_weight, first, resets, outputs, saved = residuals
    leading = tuple(range(resets.ndim))
    before = jnp.concatenate([first[None], outputs[:-1]])
    before = jnp.where(resets[..., None], 0.0, before)
    # XLA would multiply by the matrix as it lies, half as fast.
    turned_weight = jax.lax.optimization_barrier(recurrent_weight.T)

    def body(_, d_hidden, inputs):
        cotangent, (r, z, n, remembered), before, reset = inputs
        d_hidden = d_hidden + cotangent
        d_n = d_hidden * (1 - z) * (1 - n**2)
        d_z = d_hidden * (before - n) * z * (1 - z)
        d_r = d_n * remembered * r * (1 - r)
        d_recurrent = jnp.concatenate([d_r, d_z, d_n * r], axis=-1)
        d_hidden = d_hidden * z + d_recurrent @ turned_weight
        return jnp.where(reset[..., None], 0.0, d_hidden), (d_recurrent, d_n)

    inputs = (cotangents, saved, before, resets)
    d_first, (d_recurrent, d_n) = scan_in_lanes(
        body,
        None,
        jnp.zeros_like(first),
        inputs,
        num_lanes=num_lanes_of(resets.shape[1:]),
        reverse=True,
    )
    size = first.shape[-1]
    # The gates for reset and update see both projections alike; the candidate sees its own.
    d_projected = jnp.concatenate([d_recurrent[..., : 2 * size], d_n], axis=-1)
    d_weight = jnp.tensordot(before, d_recurrent, axes=(leading, leading))
    d_bias = jnp.sum(d_projected, axis=leading)
    d_candidate_bias = jnp.sum(d_recurrent[..., 2 * size :], axis=leading)
    return (d_weight, d_bias, d_candidate_bias), d_projected, d_first, None


_scan.defvjp(_forward, _backward)
