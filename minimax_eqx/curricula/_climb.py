"""Weights of levels that climb the levels' scores, on the simplex, as far as evenness lets them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._metrics import Metrics
from .._ranges import check_at_least, check_positive
from .._types import PyTree, Scalar
from ._ascents import AbstractAscent, AdaGradAscent
from ._level_buffer import LevelBuffer
from ._simplex import entropy, project


class Weights(eqx.Module):
    """A distribution over slots, filled or not, and how far its climb is."""

    values: Float[Array, " capacity"]
    ascent: PyTree
    num_steps: Int[Array, ""]


class Climb(eqx.Module):
    """One step at a time along `s - evenness_coef * (log y + 1)`, back onto the simplex.

    That is the gradient of `y * s - evenness_coef * sum y log y` for weights `y` and scores `s`. A
    slot without a level counts as the lowest score there is. Where scores do not change, steps end
    at `softmax(s / evenness_coef)` (Monette et al. 2025, arXiv 2505.20659).
    """

    evenness_coef: Scalar = 0.05
    """What the entropy of the distribution is worth; the higher, the more even it is."""
    evenness_decay: Scalar = 0.0
    """Let `evenness_coef` fall as the iterations to the power of minus this; 0 keeps it."""
    min_weight: Scalar = 1e-5
    """The least weight of a stored level."""
    ascent: AbstractAscent = AdaGradAscent()
    """How weights move along the gradient."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "evenness_coef", "evenness_decay")
        check_positive(self, "min_weight")

    def init(self, capacity: int) -> Weights:
        """Equal weights."""
        values = jnp.full(capacity, 1 / capacity, jnp.float32)
        return Weights(values, self.ascent.init(capacity), jnp.zeros((), jnp.int32))

    def evenness(self, weights: Weights) -> Float[Array, ""]:
        """What their entropy is worth by now."""
        steps = weights.num_steps.astype(jnp.float32)
        return self.evenness_coef * (steps + 1) ** -jnp.asarray(self.evenness_decay)

    def step(self, weights: Weights, buffer: LevelBuffer) -> Weights:
        """The weights after one step by the scores of a buffer."""
        gradient = _known_scores(buffer) - self.evenness(weights) * (jnp.log(weights.values) + 1)
        step, ascent = self.ascent.step(weights.ascent, gradient)
        values = project(weights.values + step, self.min_weight)
        return Weights(values, ascent, weights.num_steps + 1)

    def metrics(self, weights: Weights, buffer: LevelBuffer) -> Metrics:
        """What is climbed, the entropy, and the largest weight."""
        values, spread = weights.values, entropy(weights.values)
        objective = values @ _known_scores(buffer) + self.evenness(weights) * spread
        return {
            "weights_objective": objective,
            "weights_entropy": spread,
            "largest_weight": jnp.max(values),
        }


def _known_scores(buffer: LevelBuffer) -> Float[Array, " capacity"]:
    """The scores; where there is none, the lowest there is, or 0."""
    lowest = jnp.min(jnp.where(buffer.filled, buffer.scores, jnp.inf))
    return jnp.where(buffer.filled, buffer.scores, jnp.where(jnp.isinf(lowest), 0.0, lowest))
