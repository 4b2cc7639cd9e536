"""Random integers and random cells, from draws of 32 bits."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, UInt32

# So many boxes are counted along by comparing each with each; more of them in groups.
_MOST_AT_ONCE = 64
# A draw whose lowest bits number the cells has 20 bits of chance left for 12 bits of cells.
_MAX_INDEX_BITS = 12


def below(bound: Int[Array, ""] | int, draws: UInt32[Array, "*shape"]) -> Int[Array, "*shape"]:
    """The integers in `[0, bound)` that draws of 32 bits stand for."""
    return (draws % jnp.asarray(bound, jnp.uint32)).astype(jnp.int32)


def random_below(
    bound: Int[Array, ""] | int, shape: tuple[int, ...] = (), *, key: Key[Array, ""]
) -> Int[Array, "..."]:
    """Random integers in `[0, bound)`, as even as 32 bits allow.

    `jax.random.randint` is more even still, and three times as long to compile.
    """
    return below(bound, jax.random.bits(key, shape, jnp.uint32))


def random_cell(allowed: Bool[Array, "height width"], *, key: Key[Array, ""]) -> Int[Array, "2"]:
    """The position (x, y) of a uniformly random allowed cell; without meaning if there is none."""
    count = jnp.sum(allowed, dtype=jnp.int32)
    return nth_cell(random_below(jnp.maximum(count, 1), key=key), allowed)


def nth_cell(nth: Int[Array, ""], allowed: Bool[Array, "height width"]) -> Int[Array, "2"]:
    """The position (x, y) of the `nth` allowed cell, row by row, counted from 0.

    First the row, then the column: counting along both is far less work than counting along all
    cells, and takes no memory but for the cells.
    """
    row, nth_in_row = _locate(nth, jnp.sum(allowed, axis=1, dtype=jnp.int32))
    column, _ = _locate(nth_in_row, allowed[row].astype(jnp.int32))
    return jnp.stack([column, row])


def random_cells(
    num_cells: int,
    count: Int[Array, ""],
    *,
    key: Key[Array, ""],
    allowed: Bool[Array, " {num_cells}"] | None = None,
) -> Bool[Array, " {num_cells}"]:
    """Marks `count` of `num_cells` cells, drawn uniformly without replacement.

    `count` is less than `num_cells`, or than the number of `allowed` cells if given.
    """
    draws = jax.random.bits(key, (num_cells,), jnp.uint32)
    if allowed is not None:
        draws = jnp.where(allowed, draws, jnp.uint32(2**32 - 1))
    index_bits = (num_cells - 1).bit_length()
    if index_bits > _MAX_INDEX_BITS:
        order, places = jnp.argsort(draws), jnp.arange(num_cells, dtype=jnp.int32)
        return jnp.zeros(num_cells, bool).at[order].set(places < count)
    # The cell's index in the low bits keeps draws apart, so that exactly `count` are smallest.
    draws = (draws >> index_bits << index_bits) | jnp.arange(num_cells, dtype=jnp.uint32)
    return draws < jnp.sort(draws)[count]


def draw_size(
    name: str, height: int, width: int, least: int, *, step: int = 1, key: Key[Array, ""]
) -> Int[Array, "2"]:
    """Height and width of a maze that is no larger than that, for the generator of that name.

    Each is uniform among `least`, `least + step` and so on. Raises `ValueError` if there is none.
    """
    if least > min(height, width):
        raise ValueError(
            f"{name} makes mazes with sides of at least {least} cells, but the environment's are "
            f"of at most {height} x {width}. Choose a smaller min_side, or a larger environment."
        )
    counts = jnp.array([(side - least) // step + 1 for side in (height, width)], jnp.uint32)
    draws = jax.random.bits(key, (2,), jnp.uint32)
    return least + step * (draws % counts).astype(jnp.int32)


def _locate(
    nth: Int[Array, ""], counts: Int[Array, " boxes"]
) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """Which of several boxes the `nth` thing is in, and which of that box's things it is."""
    if counts.size > _MOST_AT_ONCE:
        return _locate_in_groups(nth, counts)
    up_to = jnp.sum(jnp.where(jnp.tri(counts.size, dtype=bool), counts[None, :], 0), axis=1)
    passed = up_to <= nth
    return (
        jnp.sum(passed, dtype=jnp.int32),
        nth - jnp.sum(jnp.where(passed, counts, 0), dtype=jnp.int32),
    )


def _locate_in_groups(
    nth: Int[Array, ""], counts: Int[Array, " boxes"]
) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """As `_locate`, first among groups of boxes and then among the boxes of one."""
    num_groups = -(-counts.size // _MOST_AT_ONCE)
    padded = jnp.pad(counts, (0, num_groups * _MOST_AT_ONCE - counts.size))
    groups = padded.reshape(num_groups, _MOST_AT_ONCE)
    group, nth_in_group = _locate(nth, jnp.sum(groups, axis=1, dtype=jnp.int32))
    box, nth_in_box = _locate(nth_in_group, groups[group])
    return group * _MOST_AT_ONCE + box, nth_in_box
