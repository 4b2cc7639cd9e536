"""A wide convolution and the matrix product after it, over a sequence of images that hardly change.

Designing changes one cell per step, and so at most nine of the windows of a 3x3 kernel. The product
of the flattened features with a matrix is the sum of what each window adds to it; and what a window
adds is computed only for the steps in which it changed. For 32 mazes of 13 x 13 cells and 62 steps
that is less than a twelfth of the multiplications, forward and backward.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt8

from ._windows import convolve

# Windows that one changed cell changes, for a 3x3 kernel.
WINDOWS_PER_CELL = 9
# Changes of one window go through its part of the matrix in blocks of so many rows: enough to keep
# a matrix product busy, few enough to leave few rows empty.
BLOCK_ROWS = 64


@jax.custom_vjp
def convolve_and_project(
    windows: UInt8[Array, "time level windows taps"],
    kernel: Float[Array, "taps filters"],
    bias: Float[Array, " filters"],
    others: Float[Array, "time level others"],
    weight: Float[Array, "features output"],
) -> Float[Array, "time level output"]:
    """`concatenate([convolve(windows, ...) flattened, others]) @ weight`.

    The same up to rounding whatever the images are, and fast on a CPU where few windows change.
    """
    return _forward(windows, kernel, bias, others, weight)[0]


def _forward(windows, *parameters):
    return _few_or_all(_project_changes, _project_all, windows, *parameters), (windows, *parameters)


def _backward(residuals, cotangent):
    windows, *parameters = residuals

    # Derivatives are taken inside the branches: those of a conditional would store the residuals
    # of both, and the features of all steps are the largest array of the whole update.
    def changes_backward(changes, windows, cotangent, *parameters):
        return jax.vjp(lambda *p: _project_changes(changes, windows, *p), *parameters)[1](cotangent)

    def all_backward(windows, cotangent, *parameters):
        return jax.vjp(lambda *p: _project_all(windows, *p), *parameters)[1](cotangent)

    return None, *_few_or_all(changes_backward, all_backward, windows, cotangent, *parameters)


convolve_and_project.defvjp(_forward, _backward)


def _few_or_all(few, all_of_them, windows, *args):
    """Calls `few(changes, windows, ...)` on a CPU if there is room for the changes."""

    def on_cpu(windows, *args):
        changes, enough_room = find_changes(windows)
        return jax.lax.cond(
            enough_room,
            few,
            lambda changes, *args: all_of_them(*args),
            changes,
            windows,
            *args,
        )

    # An accelerator would rather have one large product than hundreds of small ones.
    return jax.lax.platform_dependent(windows, *args, cpu=on_cpu, default=all_of_them)


def _project_all(windows, kernel, bias, others, weight):
    features = convolve(windows, kernel, bias)
    flat = features.reshape(*others.shape[:-1], -1)
    return jnp.concatenate([flat, others], axis=-1) @ weight


class Changes(eqx.Module):
    """Where and when windows change, in blocks that each belong to one window.

    `play` counts steps of all levels, `time` first, in one go; after the last one comes the base:
    the first image of the first level, to which all that happens is added.
    """

    window: Int[Array, " block"]
    play: Int[Array, "block row"]
    used: Bool[Array, "block row"]
    num_used_blocks: Int[Array, ""]


def find_changes(
    windows: UInt8[Array, "time level windows taps"],
) -> tuple[Changes, Bool[Array, ""]]:
    """The changes, and whether there was room for all of them.

    There is if no step changes more than one cell, and all levels start with the same image.
    """
    num_steps, num_levels, num_windows, _ = windows.shape
    num_plays = num_steps * num_levels
    expected = (num_steps - 1) * num_levels * WINDOWS_PER_CELL
    num_blocks = -(-expected // BLOCK_ROWS) + num_windows
    changed = jnp.any(windows != _before(windows), axis=-1).reshape(num_plays, num_windows).T
    changed = jnp.concatenate([changed, jnp.ones((num_windows, 1), bool)], axis=1)
    blocks_of_window = -(-jnp.sum(changed, axis=1) // BLOCK_ROWS)
    last_block = jnp.cumsum(blocks_of_window)
    first_row = (last_block - blocks_of_window) * BLOCK_ROWS
    row = first_row[:, None] + jnp.cumsum(changed, axis=1) - 1
    row = jnp.where(changed, row, num_blocks * BLOCK_ROWS)
    play = jnp.broadcast_to(jnp.arange(num_plays + 1), row.shape)
    unused = num_plays + 1
    play_of_row = jnp.full(num_blocks * BLOCK_ROWS, unused).at[row].set(play, mode="drop")
    window = jnp.searchsorted(last_block, jnp.arange(num_blocks), side="right")
    used = play_of_row != unused
    changes = Changes(
        # Blocks that are left over may belong to any window: they have no row in use.
        window=jnp.minimum(window, num_windows - 1),
        play=jnp.where(used, play_of_row, num_plays).reshape(num_blocks, BLOCK_ROWS),
        used=used.reshape(num_blocks, BLOCK_ROWS),
        num_used_blocks=jnp.minimum(last_block[-1], num_blocks),
    )
    return changes, last_block[-1] <= num_blocks


def _before(windows):
    """The same windows one step earlier; before the first step, those of the base."""
    first = jnp.broadcast_to(windows[:1, :1], windows[:1].shape)
    return jnp.concatenate([first, windows[:-1]])


def _project_changes(changes, windows, *parameters):
    kernel, bias, others, weight = parameters
    num_steps, num_levels, num_windows, taps = windows.shape
    num_plays = num_steps * num_levels

    def pick(windows):
        flat = windows.reshape(num_plays, num_windows, taps)
        flat = jnp.concatenate([flat, flat[:1]])
        return flat[changes.play, changes.window[:, None]]

    is_step = changes.play < num_plays
    after = convolve(pick(windows), kernel, bias)
    before = convolve(pick(_before(windows)), kernel, bias)
    added = jnp.where(changes.used[..., None], after, 0.0)
    added = added - jnp.where((changes.used & is_step)[..., None], before, 0.0)
    sums, of_others = _sum_products(added, others.reshape(num_plays, -1), weight, changes)
    by_step = sums[:-1].reshape(num_steps, num_levels, -1)
    # A running sum as a matrix product, which is faster than a scan and its derivative.
    running = jnp.tensordot(jnp.tri(num_steps), by_step, axes=1)
    base = jnp.broadcast_to(sums[-1], running.shape)
    return running + base + of_others.reshape(running.shape)


@jax.custom_vjp
def _sum_products(
    added: Float[Array, "block row filters"],
    others: Float[Array, "play others"],
    weight: Float[Array, "features output"],
    changes: Changes,
) -> tuple[Float[Array, "play_and_base output"], Float[Array, "play output"]]:
    """Sends each row through its window's part of `weight` and adds it up for its play."""
    num_filters = added.shape[-1]

    def body(block, sums):
        start = changes.window[block] * num_filters
        part = jax.lax.dynamic_slice_in_dim(weight, start, num_filters)
        return sums.at[changes.play[block]].add(added[block] @ part)

    sums = jnp.zeros((others.shape[0] + 1, weight.shape[1]))
    # Walls on top of walls and cells at the border change fewer windows than there is room for.
    sums = jax.lax.fori_loop(0, changes.num_used_blocks, body, sums)
    return sums, others @ weight[weight.shape[0] - others.shape[1] :]


def _sum_products_forward(*args):
    return _sum_products(*args), args


def _sum_products_backward(residuals, cotangents):
    added, others, weight, changes = residuals
    d_sums, d_of_others = cotangents
    num_filters, start_of_others = added.shape[-1], weight.shape[0] - others.shape[1]

    def body(block, derivatives):
        d_added, d_weight = derivatives
        start, d_rows = changes.window[block] * num_filters, d_sums[changes.play[block]]
        part = jax.lax.dynamic_slice_in_dim(weight, start, num_filters)
        d_part = jax.lax.dynamic_slice_in_dim(d_weight, start, num_filters)
        d_part = d_part + added[block].T @ d_rows
        d_weight = jax.lax.dynamic_update_slice_in_dim(d_weight, d_part, start, axis=0)
        return d_added.at[block].set(d_rows @ part.T), d_weight

    zeros = (jnp.zeros_like(added), jnp.zeros_like(weight))
    d_added, d_weight = jax.lax.fori_loop(0, changes.num_used_blocks, body, zeros)
    d_weight = d_weight.at[start_of_others:].set(others.T @ d_of_others)
    return d_added, d_of_others @ weight[start_of_others:].T, d_weight, None


_sum_products.defvjp(_sum_products_forward, _sum_products_backward)
