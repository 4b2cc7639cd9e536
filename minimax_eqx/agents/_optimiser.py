"""Optimisers as parts of a configuration: Adam as the reference has it, and any other of Optax."""

import abc
from collections.abc import Callable
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least, check_positive
from .._types import PyTree, Scalar, State
from .._xla._few_arrays import few_arrays
from ._annealing import AbstractAnnealing


class AbstractOptimiser(eqx.Module, Generic[State]):
    """Turns gradients into steps. A learner calls `init` once and `update` in every step."""

    @property
    @abc.abstractmethod
    def num_useful_steps(self) -> int | None:
        """After how many steps nothing changes any more, as where a learning rate anneals to 0.

        None if that never comes. A run that is longer is refused.
        """

    @abc.abstractmethod
    def init(self, params: PyTree[Array]) -> State:
        """The state before the first step. `params` is what will be trained, arrays only."""

    @abc.abstractmethod
    def update(
        self, gradient: PyTree[Array], state: State, params: PyTree[Array]
    ) -> tuple[PyTree[Array], State]:
        """What to add to `params`, which has the structure of `gradient`; and the new state."""


class Adam(AbstractOptimiser[PyTree]):
    """Clips the gradient's global norm, then takes a step of Adam (Kingma and Ba 2015).

    The learning rate is read from the fields in every step, so you can sweep it. With `annealing`
    it goes linearly from `learning_rate` to `final_learning_rate`.

    Raises `ValueError` for a value out of its range, and for a final learning rate without
    `annealing`.
    """

    learning_rate: Scalar = 1e-4
    """Size of a step; the first one, where it anneals."""
    final_learning_rate: Scalar | None = None
    """Learning rate when annealing is over; 0 if it is None."""
    annealing: AbstractAnnealing | None = None
    """What the way to the final learning rate goes by, steps or the share of the run; none keeps
    the learning rate."""
    max_grad_norm: Scalar | None = 0.5
    """Global norm to which a longer gradient is shortened; None never shortens it."""
    adam_epsilon: Scalar = 1e-5
    """Number that is added to the denominator of Adam's step."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "learning_rate", "final_learning_rate", "adam_epsilon")
        check_positive(self, "max_grad_norm")
        if self.final_learning_rate is not None and self.annealing is None:
            raise ValueError(
                f"Adam.final_learning_rate is {self.final_learning_rate}, which has no effect "
                "without annealing; set annealing, to over-run for example, or leave it out."
            )

    @property
    def num_useful_steps(self) -> int | None:
        first = self.learning_rate
        final = 0.0 if self.final_learning_rate is None else self.final_learning_rate
        if not isinstance(first, float | int) or not isinstance(final, float | int):
            return None
        if self.annealing is not None:
            return self.annealing.num_steps if np.float32(final) == 0 else None
        return 0 if first == 0 else None

    def init(self, params: PyTree[Array]) -> PyTree:
        """The state is Optax's of `scale_by_adam`, on few arrays."""
        return optax.scale_by_adam().init(few_arrays(params)[0])

    def update(
        self, gradient: PyTree[Array], state: PyTree, params: PyTree[Array]
    ) -> tuple[PyTree[Array], PyTree]:
        del params
        learning_rate = self._learning_rate(state.count)
        few, back, state = clipped_adam(gradient, state, self.max_grad_norm, self.adam_epsilon)
        return back(jax.tree.map(lambda step: -learning_rate * step, few)), state

    def _learning_rate(self, num_steps: Int[Array, ""]) -> Float[Array, ""]:
        """The learning rate after that many steps."""
        first = jnp.asarray(self.learning_rate, jnp.float32)
        if self.annealing is None:
            return first
        final = 0.0 if self.final_learning_rate is None else self.final_learning_rate
        return first + self.annealing(num_steps) * (final - first)


def clipped_adam(
    gradient: PyTree[Array], state: PyTree, max_grad_norm: Scalar | None, epsilon: Scalar
) -> tuple[PyTree[Array], Callable[[PyTree[Array]], PyTree[Array]], PyTree]:
    """Adam's direction after clipping, on few arrays; how they become the gradient's; the state."""
    few, back = few_arrays(gradient)
    # Optax counts on implicit promotion, which users may have switched off.
    with jax.numpy_dtype_promotion("standard"):
        if max_grad_norm is not None:
            few, _ = optax.clip_by_global_norm(max_grad_norm).update(few, optax.EmptyState())
        few, state = optax.scale_by_adam(eps=epsilon).update(few, state)
    return few, back, state


class Optax(AbstractOptimiser[PyTree]):
    """Any optimiser of Optax, for example `Optax(optax.sgd(0.1, momentum=0.9))`.

    Two of them are never equal, since they hold functions: build one once, and use it for all runs
    that you compare, or each compiles its own program. Its numbers are fixed; what you want to
    sweep must be a field of a part of yours.
    """

    transformation: optax.GradientTransformation
    """What turns gradients into steps."""

    @property
    def num_useful_steps(self) -> None:
        return None

    def init(self, params: PyTree[Array]) -> PyTree:
        return self.transformation.init(params)

    def update(
        self, gradient: PyTree[Array], state: PyTree, params: PyTree[Array]
    ) -> tuple[PyTree[Array], PyTree]:
        # Optax counts on implicit promotion, which users may have switched off.
        with jax.numpy_dtype_promotion("standard"):
            return self.transformation.update(gradient, state, params)
