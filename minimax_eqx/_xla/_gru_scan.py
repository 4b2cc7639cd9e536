"""The recurrent part of a GRU, with a derivative written by hand.

As with the LSTM, the backward scan only collects the gradients of the gates, and the gradient of
the recurrent weight is one matrix product after it.
"""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._lanes import num_lanes_of, scan_in_lanes

# The recurrent weight, the bias of all gates, and the one on the candidate's recurrent side.
Weights: TypeAlias = tuple[
    Float[Array, "hidden gates"], Float[Array, " gates"], Float[Array, " hidden"]
]


def gru_cell(
    weights: Weights,
    projected: Float[Array, "*batch gates"],
    hidden: Float[Array, "*batch hidden"],
    reset: Bool[Array, "*batch"],
) -> Float[Array, "*batch hidden"]:
    """One step from the projected input."""
    return _cell(weights, projected, hidden, reset)[0]


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
def gru_scan(
    weights: Weights,
    projected: Float[Array, "time *batch gates"],
    first: Float[Array, "*batch hidden"],
    resets: Bool[Array, "time *batch"],
) -> Float[Array, "time *batch hidden"]:
    """All steps from the memory `first`; returns the outputs."""
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


gru_scan.defvjp(_forward, _backward)
