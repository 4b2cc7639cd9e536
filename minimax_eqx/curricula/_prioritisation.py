"""How the scores of stored levels become chances of being replayed."""

import abc
import math
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

# Pyright takes Equinox's name for a field, and would ask for it whenever one is made.
if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractPrioritisation(eqx.Module):
    """Weights of levels, from their scores and ranks."""

    needs_nonnegative_scores: AbstractClassVar[bool]

    @abc.abstractmethod
    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        """Weights, not normalised, at least 0; what they are in slots not filled does not matter.

        `ranks` are those of `rank`. Scores of slots that are not filled are minus infinity.
        """


class Rank(AbstractPrioritisation):
    """Weight `(1 / (1 + rank)) ** (1 / temperature)`; the highest score has rank 0.

    From prioritised level replay (Jiang et al. 2021, arXiv 2010.03934, equation 3). The lower the
    temperature, the more the best levels are preferred: at 0.3 the best level of a full buffer gets
    87 % of what goes by score. Raises `ValueError` unless it is positive and finite.
    """

    temperature: Float[Array, ""]
    needs_nonnegative_scores = False

    def __init__(self, temperature: float | Float[Array, ""] = 0.3):
        self.temperature = _temperature("Rank", temperature)

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del scores, filled
        return jnp.exp(-jnp.log1p(ranks.astype(jnp.float32)) / self.temperature)


class Proportional(AbstractPrioritisation):
    """Weight `score ** (1 / temperature)`, for scores that are never negative.

    Raises `ValueError` unless the temperature is positive and finite.
    """

    temperature: Float[Array, ""]
    needs_nonnegative_scores = True

    def __init__(self, temperature: float | Float[Array, ""] = 1.0):
        self.temperature = _temperature("Proportional", temperature)

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del ranks
        positive = jnp.where(filled, jnp.maximum(scores, 0.0), 0.0)
        # Relative to the highest, so that no power overflows.
        highest = jnp.max(positive)
        relative = positive / jnp.where(highest > 0, highest, 1.0)
        return relative ** (1 / self.temperature)


class TopK(AbstractPrioritisation):
    """The `num_levels` highest scores are equally likely, the others are not replayed by score.

    Raises `ValueError` if `num_levels` is less than 1.
    """

    num_levels: int = eqx.field(static=True)
    needs_nonnegative_scores = False

    def __init__(self, num_levels: int):
        if num_levels < 1:
            raise ValueError(f"TopK.num_levels is {num_levels}; it must be at least 1.")
        self.num_levels = num_levels

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del scores, filled
        return (ranks < self.num_levels).astype(jnp.float32)


def rank(scores: Float[Array, " capacity"]) -> Int[Array, " capacity"]:
    """The place of each score when they are ordered from high to low; ties in order of index."""
    order = jnp.argsort(-scores, stable=True)
    places = jnp.arange(scores.size, dtype=jnp.int32)
    return jnp.zeros_like(places).at[order].set(places, unique_indices=True)


def rank_after_change(
    ranks: Int[Array, " capacity"],
    scores: Float[Array, " capacity"],
    slot: Int[Array, ""],
    new_score: Float[Array, ""],
) -> Int[Array, " capacity"]:
    """`rank` after the score of one slot has changed, without sorting again.

    `ranks` are those of `scores`, which still hold the old score.
    """
    index = jnp.arange(scores.size)
    others = index != slot

    def beaten_by_slot(score):
        return others & ((scores < score) | ((scores == score) & (index > slot)))

    was_beaten, is_beaten = beaten_by_slot(scores[slot]), beaten_by_slot(new_score)
    ranks = ranks + is_beaten.astype(ranks.dtype) - was_beaten.astype(ranks.dtype)
    own_rank = scores.size - 1 - jnp.sum(is_beaten, dtype=ranks.dtype)
    return ranks.at[slot].set(own_rank)


def replay_distribution(
    weights: Float[Array, " capacity"],
    ages: Int[Array, " capacity"],
    filled: Bool[Array, " capacity"],
    staleness_coef: Float[Array, ""],
) -> Float[Array, " capacity"]:
    """The chance of every slot: `(1 - staleness_coef) * by score + staleness_coef * by age`.

    By score is proportional to `weights`, and uniform over filled slots if these are all 0; by age
    is proportional to `ages`, and the same as by score if those are all 0. Sums to 1 unless nothing
    is filled; then it is all 0. (arXiv 2010.03934, equations 2 to 5.)
    """
    return mix_in_ages(chances_by_score(weights, filled), ages, filled, staleness_coef)


def chances_by_score(
    weights: Float[Array, " capacity"], filled: Bool[Array, " capacity"]
) -> Float[Array, " capacity"]:
    """The part of `replay_distribution` that ages have no say in."""
    weights = jnp.where(filled, weights, 0.0)
    weights = jnp.where(jnp.sum(weights) > 0, weights, filled.astype(weights.dtype))
    return weights / jnp.maximum(jnp.sum(weights), jnp.finfo(weights.dtype).tiny)


def mix_in_ages(
    by_score: Float[Array, " capacity"],
    ages: Int[Array, " capacity"],
    filled: Bool[Array, " capacity"],
    staleness_coef: Float[Array, ""],
) -> Float[Array, " capacity"]:
    """The rest of `replay_distribution`."""
    # In floating point: the sum of many great ages would overflow an integer.
    stale = jnp.where(filled, ages, 0).astype(by_score.dtype)
    total_age = jnp.sum(stale)
    by_age = jnp.where(total_age > 0, stale / jnp.maximum(total_age, 1.0), by_score)
    return (1 - staleness_coef) * by_score + staleness_coef * by_age


def draw(chances: Float[Array, " capacity"], *, key: Key[Array, ""]) -> Int[Array, ""]:
    """Draws a slot; never one without a chance, if any has one. `chances` need not sum to 1.

    Draws a row of slots and then one of its slots, as cumulative sums over all would be slow.
    """
    width = math.isqrt(chances.size - 1) + 1
    rows = jnp.pad(chances, (0, -chances.size % width)).reshape(-1, width)
    row_key, column_key = jax.random.split(key)
    row = _draw_directly(jnp.sum(rows, axis=1), key=row_key)
    return row * width + _draw_directly(rows[row], key=column_key)


def _draw_directly(chances: Float[Array, " n"], *, key: Key[Array, ""]) -> Int[Array, ""]:
    # Rounding may add to a sum where no chance does, so those places are ruled out.
    sums = jnp.where(chances > 0, jnp.cumsum(chances), -jnp.inf)
    # In (0, 1], so that the highest sum is always enough.
    share = 1 - jax.random.uniform(key, dtype=chances.dtype)
    return jnp.argmax(sums >= share * jnp.max(sums)).astype(jnp.int32)


def _temperature(owner: str, value: float | Float[Array, ""]) -> Float[Array, ""]:
    # A traced value, one of a sweep say, is its maker's business.
    if not isinstance(value, Tracer) and not 0 < value < float("inf"):
        raise ValueError(f"{owner}.temperature is {value}; it must be positive and finite.")
    return jnp.asarray(value, jnp.float32)
