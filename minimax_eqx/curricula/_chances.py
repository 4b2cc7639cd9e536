"""Ranks of scores, and chances of slots made of weights and ages."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Scalar


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
    staleness_coef: Scalar,
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
    staleness_coef: Scalar,
) -> Float[Array, " capacity"]:
    """The rest of `replay_distribution`."""
    # In floating point: the sum of many great ages would overflow an integer.
    stale = jnp.where(filled, ages, 0).astype(by_score.dtype)
    total_age = jnp.sum(stale)
    by_age = jnp.where(total_age > 0, stale / jnp.maximum(total_age, 1.0), by_score)
    return (1 - staleness_coef) * by_score + staleness_coef * by_age


def mix_in_uniform(
    chances: Float[Array, " capacity"],
    filled: Bool[Array, " capacity"],
    uniform_share: Scalar | None,
) -> Float[Array, " capacity"]:
    """`(1 - uniform_share) * chances`, and the rest to all filled slots alike; None is as 0.

    So no stored level has less than that rest. It comes last, after ages have had their say.
    """
    if uniform_share is None:
        return chances
    members = filled.astype(chances.dtype)
    uniform = members / jnp.maximum(jnp.sum(members), 1.0)
    return (1 - uniform_share) * chances + uniform_share * uniform


def draw(chances: Float[Array, " capacity"], *, key: Key[Array, ""]) -> Int[Array, ""]:
    """Draws a slot; never one without a chance, if any has one. `chances` need not sum to 1.

    Draws a row of slots and then one of its slots, as cumulative sums over all would be slow.
    """
    width = math.isqrt(chances.size - 1) + 1
    rows = jnp.pad(chances, (0, -chances.size % width)).reshape(-1, width)
    row_key, column_key = jax.random.split(key)
    row = _draw_directly(jnp.sum(rows, axis=1), key=row_key)
    return row * width + _draw_directly(rows[row], key=column_key)


def draw_each(chances: Float[Array, " capacity"], keys: Key[Array, " n"]) -> Int[Array, " n"]:
    """Draws a slot with each key, independently."""
    return jax.vmap(lambda key: draw(chances, key=key))(keys)


def _draw_directly(chances: Float[Array, " n"], *, key: Key[Array, ""]) -> Int[Array, ""]:
    # Rounding may add to a sum where no chance does, so those places are ruled out.
    sums = jnp.where(chances > 0, jnp.cumsum(chances), -jnp.inf)
    # In (0, 1], so that the highest sum is always enough.
    share = 1 - jax.random.uniform(key, dtype=chances.dtype)
    return jnp.argmax(sums >= share * jnp.max(sums)).astype(jnp.int32)
