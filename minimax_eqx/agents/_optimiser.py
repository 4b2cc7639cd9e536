"""The optimiser of the reference: clipped gradients, Adam, and a learning rate that can anneal."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from .._types import PyTree

# Numbers in an array that an optimiser's step does not put together with others.
LARGE = 2**20


class LearningRateState(NamedTuple):
    """The learning rate in use and what it is computed from, as arrays that a sweep can set."""

    learning_rate: Float[Array, ""]
    initial: Float[Array, ""]
    final: Float[Array, ""]
    num_steps: Int[Array, ""]


def set_learning_rate(state: PyTree, learning_rate: float | Float[Array, "..."]) -> PyTree:
    """A state of `ppo_optimiser` in which the learning rate begins at another value.

    Raises `ValueError` if a value is negative or infinite, unless it is traced, and for another
    optimiser's state.
    """
    if not isinstance(learning_rate, Tracer):
        values = np.asarray(learning_rate)
        if not np.all((values >= 0) & (values < np.inf)):
            raise ValueError(
                f"learning_rate is {learning_rate}; it must not be negative or infinite."
            )

    def is_ours(node):
        return isinstance(node, LearningRateState)

    def changed(node):
        if not is_ours(node):
            return node
        value = jnp.asarray(learning_rate, node.initial.dtype)
        value = jnp.broadcast_to(value, node.initial.shape)
        # Two arrays: donation frees each of them.
        return node._replace(learning_rate=value, initial=jnp.array(value, copy=True))

    if not any(map(is_ours, jax.tree.leaves(state, is_leaf=is_ours))):
        raise ValueError(
            "The learning rate can be set only in the state of an optimiser that `ppo_optimiser` "
            "made; build another optimiser instead."
        )
    return jax.tree.map(changed, state, is_leaf=is_ours)


def ppo_optimiser(
    learning_rate: float,
    *,
    final_learning_rate: float | None = None,
    anneal_steps: int = 0,
    max_grad_norm: float = 0.5,
    adam_epsilon: float = 1e-5,
) -> optax.GradientTransformation:
    """Clips the gradient's global norm, then takes a step of Adam.

    With `anneal_steps` above 0 the learning rate falls (or rises) linearly to
    `final_learning_rate` (default 0) over that many gradient steps and stays there. Gradient steps
    are counted, not cycles: epochs times minibatches for each update.

    The learning rate lives in the optimiser's state, so setting it does not recompile. Optimisers
    made with the same numbers are equal, and runs with them share their programs.

    Raises `ValueError` for a value that is negative or infinite, and for a final learning rate
    without `anneal_steps`. An infinite `max_grad_norm` clips nothing.
    """
    final = 0.0 if final_learning_rate is None else final_learning_rate
    for name, value in (
        ("learning_rate", learning_rate),
        ("final_learning_rate", final),
        ("anneal_steps", anneal_steps),
        ("adam_epsilon", adam_epsilon),
    ):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {value}; it must be finite and not negative.")
    if not max_grad_norm > 0:
        raise ValueError(f"max_grad_norm is {max_grad_norm}; it must be positive.")
    if final_learning_rate is not None and anneal_steps == 0:
        raise ValueError("final_learning_rate has no effect without anneal_steps above 0.")
    settings = _Settings(learning_rate, final, anneal_steps, max_grad_norm, adam_epsilon)
    return optax.GradientTransformation(_Init(settings), _Update(settings))


@dataclasses.dataclass(frozen=True)
class _Settings:
    """What `ppo_optimiser` was given, from which its two functions follow.

    Functions that hold values, and no closures: two optimisers made alike are then equal, so that
    runs that differ in their seed share one program, and they can be pickled.
    """

    learning_rate: float
    final_learning_rate: float
    anneal_steps: int
    max_grad_norm: float
    adam_epsilon: float

    def on_few_arrays(self) -> optax.GradientTransformation:
        final = self.final_learning_rate if self.anneal_steps else self.learning_rate
        return optax.chain(
            optax.clip_by_global_norm(self.max_grad_norm),
            optax.scale_by_adam(eps=self.adam_epsilon),
            _scale_by_learning_rate(self.learning_rate, final, self.anneal_steps),
        )


# Both work on one vector of all small arrays, and on each large one. Array by array its kernels
# would be a third of an update's, each of which takes time to compile and to launch. A large array
# is worth its own: it need not be copied into the vector and back.


@dataclasses.dataclass(frozen=True)
class _Init:
    settings: _Settings

    def __call__(self, params: PyTree) -> PyTree:
        return self.settings.on_few_arrays().init(few_arrays(params)[0])


@dataclasses.dataclass(frozen=True)
class _Update:
    settings: _Settings

    def __call__(
        self, updates: PyTree, state: PyTree, params: PyTree | None = None
    ) -> tuple[PyTree, PyTree]:
        del params
        few, back = few_arrays(updates)
        few, state = self.settings.on_few_arrays().update(few, state)
        return back(few), state


def few_arrays(tree: PyTree[Array]) -> tuple[PyTree[Array], Callable[[PyTree[Array]], PyTree]]:
    """The arrays of a tree as few: a vector of all small ones, and each large one; and a function
    from such few back to a tree."""
    leaves, structure = jax.tree.flatten(tree)
    alone = [leaf.size >= LARGE for leaf in leaves]
    vector, split = ravel_pytree([leaf for leaf, a in zip(leaves, alone, strict=True) if not a])
    large = [leaf for leaf, a in zip(leaves, alone, strict=True) if a]

    def back(few):
        vector, large = few
        small_ones, large_ones = iter(split(vector)), iter(large)
        return jax.tree.unflatten(structure, [next(large_ones if a else small_ones) for a in alone])

    return (vector, large), back


def _scale_by_learning_rate(
    initial: float, final: float, anneal_steps: int
) -> optax.GradientTransformation:
    def init(params):
        del params
        return LearningRateState(
            learning_rate=jnp.asarray(initial, jnp.float32),
            initial=jnp.asarray(initial, jnp.float32),
            final=jnp.asarray(final, jnp.float32),
            num_steps=jnp.zeros((), jnp.int32),
        )

    def update(updates, state, params=None):
        del params
        learning_rate = state.initial
        if anneal_steps > 0:
            progress = jnp.minimum(state.num_steps.astype(jnp.float32) / anneal_steps, 1.0)
            learning_rate = state.initial + progress * (state.final - state.initial)
        updates = jax.tree.map(lambda u: -learning_rate * u, updates)
        num_steps = jnp.asarray(optax.safe_increment(state.num_steps))
        return updates, LearningRateState(learning_rate, state.initial, state.final, num_steps)

    return optax.GradientTransformation(init, update)
