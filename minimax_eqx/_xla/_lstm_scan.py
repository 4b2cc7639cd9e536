"""The recurrent part of an LSTM, with a derivative written by hand.

Automatic differentiation of a scan adds the gradient of the recurrent weight up in every step, a
megabyte at a time. Here the backward scan only collects the gradients of the gates, and the
weight's gradient is one matrix product after it. The forward scan stores derivatives instead of
values, so that a step back is few multiplications; those of the gates take the place of the input
in memory, and the gradients theirs.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._lanes import num_lanes_of, scan_overwriting


class LSTMMemory(eqx.Module):
    """The memory of an LSTM: its last output and its cell."""

    hidden: Float[Array, "*batch hidden"]
    cell: Float[Array, "*batch hidden"]


def lstm_cell(
    projected: Float[Array, "*batch gates"],
    recurrent_weight: Float[Array, "hidden gates"],
    bias: Float[Array, " gates"],
    memory: LSTMMemory,
    reset: Bool[Array, "*batch"],
) -> LSTMMemory:
    """One step from the projected input."""
    return _step(projected, recurrent_weight, bias, memory, reset)[0]


def _step(projected, recurrent_weight, bias, memory, reset):
    memory = _cleared(memory, reset)
    recurrent = memory.hidden @ recurrent_weight
    gates = _activate(projected + recurrent + jnp.broadcast_to(bias, recurrent.shape))
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = f * memory.cell + i * g
    squashed = jax.lax.optimization_barrier(jnp.tanh(cell))
    scale = _scale(gates)
    activation_slope = (gates + scale - 1) * (1 - gates)
    slopes = _Slopes(
        gates=activation_slope * jnp.concatenate([g, memory.cell, i, squashed], axis=-1),
        cell=o * (1 - squashed**2),
        forget=f,
    )
    return LSTMMemory(o * squashed, cell), slopes


class _Slopes(eqx.Module):
    """Derivatives of one step: all that the pass back needs of it."""

    gates: Float[Array, "*batch gates"]
    """Of the cell by the inputs of the input, forget and cell gates; of the output, given the cell,
    by that of the output gate."""
    cell: Float[Array, "*batch hidden"]
    """Of the output by the cell."""
    forget: Float[Array, "*batch hidden"]
    """Of the cell by the cell before."""


@jax.custom_vjp
def lstm_scan(
    projected: Float[Array, "time *batch gates"],
    recurrent_weight: Float[Array, "hidden gates"],
    bias: Float[Array, " gates"],
    memory: LSTMMemory,
    resets: Bool[Array, "time *batch"],
) -> tuple[Float[Array, "time *batch hidden"], LSTMMemory]:
    """All steps; returns the outputs and the last memory."""
    return _forward(projected, recurrent_weight, bias, memory, resets)[0]


def _forward(projected, recurrent_weight, bias, memory, resets):
    def body(memory, projected, reset):
        memory, slopes = _step(projected, recurrent_weight, bias, memory, reset)
        return memory, slopes.gates, (memory.hidden, slopes.cell, slopes.forget)

    last, *outputs = scan_overwriting(
        body, memory, projected, resets, num_lanes=num_lanes_of(resets.shape[1:])
    )
    gates, (hidden, cell, forget) = outputs
    slopes = _Slopes(gates, cell, forget)
    return (hidden, last), (recurrent_weight, memory.hidden, hidden, resets, slopes)


def _backward(residuals, cotangents):
    recurrent_weight, first, hidden, resets, slopes = residuals
    hidden_cotangents, last_cotangent = cotangents
    # XLA would multiply by the matrix as it lies, half as fast.
    turned_weight = jax.lax.optimization_barrier(recurrent_weight.T)

    def body(cotangent, gate_slopes, inputs):
        hidden_cotangent, cell_slope, forget, reset = inputs
        d_hidden = hidden_cotangent + cotangent.hidden
        d_cell = cotangent.cell + d_hidden * cell_slope
        d_gates = gate_slopes * jnp.concatenate([d_cell, d_cell, d_cell, d_hidden], axis=-1)
        before = LSTMMemory(d_gates @ turned_weight, d_cell * forget)
        return _cleared(before, reset), d_gates, None

    inputs = (hidden_cotangents, slopes.cell, slopes.forget, resets)
    first_cotangent, d_gates, _ = scan_overwriting(
        body,
        last_cotangent,
        slopes.gates,
        inputs,
        num_lanes=num_lanes_of(resets.shape[1:]),
        reverse=True,
    )
    before = _cleared(jnp.concatenate([first[None], hidden[:-1]]), resets)
    leading = tuple(range(resets.ndim))
    d_weight = jnp.tensordot(before, d_gates, axes=(leading, leading))
    return d_gates, d_weight, jnp.sum(d_gates, axis=leading), first_cotangent, None


lstm_scan.defvjp(_forward, _backward)


def _cleared(memory, reset):
    return jax.tree.map(lambda leaf: jnp.where(reset[..., None], 0.0, leaf), memory)


def _activate(z):
    """Logistic function on the input, forget and output gates, tanh on the cell gate.

    `tanh(z) = 2 s(2 z) - 1`, so one pass serves all four. The barriers here and in `_step` keep
    XLA from fusing it into each of its users and computing it once for every one of them.
    """
    scale = _scale(z)
    return jax.lax.optimization_barrier(scale * jax.nn.sigmoid(scale * z) + (1 - scale))


def _scale(z):
    scale = jnp.repeat(jnp.array([1.0, 1.0, 2.0, 1.0], z.dtype), z.shape[-1] // 4)
    return jnp.broadcast_to(scale, z.shape)
