"""LAMB, an optimiser for batches of many levels."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least, check_between, check_positive
from .._types import PyTree, Scalar
from .._xla._few_arrays import few_arrays
from ._annealing import AbstractAnnealing
from ._optimiser import AbstractOptimiser, clipped_adam

# Weights that are longer do not lengthen the step further.
MOST_NORM = 10.0


class Lamb(AbstractOptimiser[PyTree]):
    """LAMB (You et al. 2020, arXiv 1904.00962) for reinforcement learning with many environments.

    It has the form of *Large Batch Simulation* (Shacklett et al. 2021, arXiv 2103.07013).

    The step of each array `w` is Adam's, with decay: `u = adam + weight_decay w`. It is scaled by
    the array's trust ratio, `min(|w|, 10) / |u|` between `min_trust` and its inverse, or 1 where
    `w` or `u` is 0. So each array moves by a share of its own length, however large a batch made
    the learning rate.

    Of a batch `batch_ratio` times as large as the one that `learning_rate` is for, the rate is
    `learning_rate * sqrt(batch_ratio)`. It grows to that linearly in `warmup_steps`, and goes from
    it back to `learning_rate` on half a cosine as `annealing` says, whose steps are counted from
    the end of the warm-up. For example, `Lamb(2.5e-4, batch_ratio=64)` is for 2,048 levels where
    2.5e-4 suits 32.

    Raises `ValueError` for a value out of its range.
    """

    learning_rate: Scalar = 2.5e-4
    """Size of a step for a batch of the usual size, as a share of an array's length."""
    batch_ratio: Scalar = 1.0
    """How many times as large as usual a batch is; the learning rate grows with its root."""
    warmup_steps: int = 0
    """Gradient steps until the learning rate is at its highest, epochs times minibatches for each
    update."""
    annealing: AbstractAnnealing | None = None
    """What the way back to `learning_rate` goes by, steps after the warm-up or the share of the
    run; none keeps it high."""
    max_grad_norm: Scalar | None = 0.5
    """Global norm to which a longer gradient is shortened; None never shortens it."""
    adam_epsilon: Scalar = 1e-6
    """Number that is added to the denominator of Adam's step."""
    weight_decay: Scalar = 1e-4
    """Share of the weights that is taken off in a step, before the trust ratio."""
    min_trust: Scalar = 0.01
    """Lower bound of the trust ratio, whose inverse is the upper one; 1 switches it off."""

    def __check_init__(self) -> None:
        not_negative = ("learning_rate", "warmup_steps", "adam_epsilon", "weight_decay")
        check_at_least(self, 0, *not_negative)
        check_positive(self, "max_grad_norm", "min_trust", "batch_ratio")
        check_between(self, 0, 1, "min_trust")

    @property
    def num_useful_steps(self) -> int | None:
        is_number = isinstance(self.learning_rate, float | int)
        return 0 if is_number and self.learning_rate == 0 else None

    def init(self, params: PyTree[Array]) -> PyTree:
        """The state is Optax's of `scale_by_adam`, on few arrays."""
        return optax.scale_by_adam().init(few_arrays(params)[0])

    def update(
        self, gradient: PyTree[Array], state: PyTree, params: PyTree[Array]
    ) -> tuple[PyTree[Array], PyTree]:
        learning_rate = self._learning_rate(state.count)
        few, back, state = clipped_adam(gradient, state, self.max_grad_norm, self.adam_epsilon)

        def step(adam, weights):
            update = adam + self.weight_decay * weights
            return -learning_rate * self._trust(weights, update) * update

        return jax.tree.map(step, back(few), params), state

    def _trust(self, weights: Float[Array, "..."], update: Float[Array, "..."]) -> Array:
        """By what the step of an array is scaled."""
        length, step = jnp.linalg.norm(weights.ravel()), jnp.linalg.norm(update.ravel())
        is_zero = (length == 0) | (step == 0)
        ratio = jnp.minimum(length, MOST_NORM) / jnp.where(is_zero, 1, step)
        return jnp.where(is_zero, 1.0, jnp.clip(ratio, self.min_trust, 1 / self.min_trust))

    def _learning_rate(self, num_steps: Int[Array, ""]) -> Float[Array, ""]:
        """The learning rate after that many steps."""
        most = self.learning_rate * jnp.sqrt(jnp.asarray(self.batch_ratio, jnp.float32))
        if self.annealing is not None:
            progress = self.annealing(jnp.maximum(num_steps - self.warmup_steps, 0))
            share = 0.5 * (1 + jnp.cos(jnp.pi * progress))
            most = self.learning_rate + (most - self.learning_rate) * share
        if self.warmup_steps > 0:
            done = num_steps.astype(jnp.float32)
            most = most * jnp.minimum((done + 1) / self.warmup_steps, 1.0)
        return most
