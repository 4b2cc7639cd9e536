"""`jax.lax` control flow over PyTrees that also hold things that are not arrays."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from .._types import Carry, PyTree


def filter_scan(
    body: Callable[[Carry, PyTree], tuple[Carry, PyTree]],
    init: Carry,
    xs: PyTree,
    length: int | None = None,
) -> tuple[Carry, PyTree]:
    """`jax.lax.scan` whose carry may be a module with static leaves; `body` must keep those."""
    arrays, static = eqx.partition(init, eqx.is_array)

    def scanned(arrays, x):
        carry, y = body(eqx.combine(arrays, static), x)
        arrays, new_static = eqx.partition(carry, eqx.is_array)
        if not eqx.tree_equal(static, new_static):
            raise ValueError("The body of a scan changed a part of its carry that is not an array.")
        return arrays, y

    arrays, ys = jax.lax.scan(scanned, arrays, xs, length)
    return eqx.combine(arrays, static), ys


def filter_cond(
    predicate: Bool[Array, ""],
    if_true: Callable[[Carry], Carry],
    if_false: Callable[[Carry], Carry],
    operand: Carry,
) -> Carry:
    """`jax.lax.cond` on an operand that may hold static leaves; both branches must keep those."""
    arrays, static = eqx.partition(operand, eqx.is_array)

    def branch(function):
        def call(arrays):
            return eqx.partition(function(eqx.combine(arrays, static)), eqx.is_array)[0]

        return call

    arrays = jax.lax.cond(predicate, branch(if_true), branch(if_false), arrays)
    return eqx.combine(arrays, static)


def filter_update_if(
    predicate: Bool[Array, ""] | None,
    update: Callable[[Carry], tuple[Carry, dict[str, Array]]],
    state: Carry,
) -> tuple[Carry, dict[str, Array]]:
    """`update(state)` if `predicate` is true or None; the state as it is, and metrics of NaN, if it
    is false."""
    if predicate is None:
        return update(state)
    # Traced once, for its metrics' shapes as for its branch.
    update = eqx.filter_closure_convert(update, state)
    metrics_spec = eqx.filter_eval_shape(lambda state: update(state)[1], state)
    skipped = {name: jnp.full(s.shape, jnp.nan, s.dtype) for name, s in metrics_spec.items()}
    return filter_cond(
        predicate, lambda carry: update(carry[0]), lambda carry: carry, (state, skipped)
    )


def filter_switch(index: Int[Array, ""], branches: Sequence[Callable[[], PyTree]]) -> PyTree:
    """`jax.lax.switch` whose results may hold static leaves, the same in all branches."""
    static = []

    def arrays_of(branch):
        def call():
            arrays, rest = eqx.partition(branch(), eqx.is_array)
            static.append(rest)
            return arrays

        return call

    arrays = jax.lax.switch(index, [arrays_of(branch) for branch in branches])
    if not all(eqx.tree_equal(static[0], other) for other in static[1:]):
        raise ValueError("The branches of a switch differ in a part that is not an array.")
    return eqx.combine(arrays, static[0])
