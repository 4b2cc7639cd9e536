"""The recurrent part of an LSTM, with a derivative written by hand.

Automatic differentiation of a scan adds the gradient of the recurrent weight up in every step, a
megabyte at a time. Here the backward scan only collects the gradients of the gates, and the
weight's gradient is one matrix product after it.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._control_flow import num_lanes_of, scan_in_lanes


class LSTMCarry(eqx.Module):
    """The memory of an LSTM: its last output and its cell."""

    hidden: Float[Array, "*batch hidden"]
    cell: Float[Array, "*batch hidden"]


def lstm_cell(
    projected: Float[Array, "*batch gates"],
    recurrent_weight: Float[Array, "hidden gates"],
    bias: Float[Array, " gates"],
    carry: LSTMCarry,
    reset: Bool[Array, "*batch"],
) -> tuple[LSTMCarry, Float[Array, "*batch gates"]]:
    """One step from the projected input; returns the carry and the activated gates."""
    carry = _cleared(carry, reset)
    recurrent = carry.hidden @ recurrent_weight
    gates = _activate(projected + recurrent + jnp.broadcast_to(bias, recurrent.shape))
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = jax.lax.optimization_barrier(f * carry.cell + i * g)
    return LSTMCarry(o * jnp.tanh(cell), cell), gates


@jax.custom_vjp
def lstm_scan(
    projected: Float[Array, "time *batch gates"],
    recurrent_weight: Float[Array, "hidden gates"],
    bias: Float[Array, " gates"],
    carry: LSTMCarry,
    resets: Bool[Array, "time *batch"],
) -> tuple[Float[Array, "time *batch hidden"], LSTMCarry]:
    """All steps; returns the outputs and the last carry."""
    return _forward(projected, recurrent_weight, bias, carry, resets)[0]


def _forward(projected, recurrent_weight, bias, carry, resets):
    def body(_, carry, inputs):
        carry, gates = lstm_cell(inputs[0], recurrent_weight, bias, carry, inputs[1])
        return carry, (carry, gates)

    last, (carries, gates) = scan_in_lanes(
        body, None, carry, (projected, resets), num_lanes=num_lanes_of(resets.shape[1:])
    )
    return (carries.hidden, last), (recurrent_weight, carry, resets, carries, gates)


def _backward(residuals, cotangents):
    recurrent_weight, first, resets, carries, gates = residuals
    hidden_cotangents, last_cotangent = cotangents
    leading = tuple(range(resets.ndim))
    before = jax.tree.map(lambda one, rest: jnp.concatenate([one[None], rest[:-1]]), first, carries)
    before = _cleared(before, resets)

    def body(_, cotangent, inputs):
        hidden_cotangent, gates, cell, cell_before, reset = inputs
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        squashed = jnp.tanh(cell)
        d_hidden = hidden_cotangent + cotangent.hidden
        d_cell = cotangent.cell + d_hidden * o * (1 - squashed**2)
        d_gates = jnp.concatenate(
            [
                d_cell * g * i * (1 - i),
                d_cell * cell_before * f * (1 - f),
                d_cell * i * (1 - g**2),
                d_hidden * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        cotangent = _cleared(LSTMCarry(d_gates @ recurrent_weight.T, d_cell * f), reset)
        return cotangent, d_gates

    inputs = (hidden_cotangents, gates, carries.cell, before.cell, resets)
    first_cotangent, d_gates = scan_in_lanes(
        body, None, last_cotangent, inputs, num_lanes=num_lanes_of(resets.shape[1:]), reverse=True
    )
    d_weight = jnp.tensordot(before.hidden, d_gates, axes=(leading, leading))
    return d_gates, d_weight, jnp.sum(d_gates, axis=leading), first_cotangent, None


lstm_scan.defvjp(_forward, _backward)


def _cleared(carry, reset):
    return jax.tree.map(lambda leaf: jnp.where(reset[..., None], 0.0, leaf), carry)


def _activate(z):
    """Logistic function on the input, forget and output gates, tanh on the cell gate.

    `tanh(z) = 2 s(2 z) - 1`, so one pass serves all four. The barriers here and in `lstm_cell` keep
    XLA from fusing it into each of its users and computing it once for every one of them.
    """
    width = z.shape[-1] // 4
    scale = jnp.repeat(jnp.array([1.0, 1.0, 2.0, 1.0], z.dtype), width)
    scale = jnp.broadcast_to(scale, z.shape)
    return jax.lax.optimization_barrier(scale * jax.nn.sigmoid(scale * z) + (1 - scale))
