"""Chances of levels by how their scores compare with the mean score."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._prioritisation import AbstractWeights


class SigmoidOfZScore(AbstractWeights):
    """Weight `sigmoid((score - mean) / standard deviation)` over the levels that score above 0.

    The others get none, and if none scores above 0 all are equally likely. So a level is never much
    more likely than another, however high its score is. From curricula by learning progress
    (Kanitscheider et al. 2021, arXiv 2106.14876), whose scores go with it.
    """

    needs_nonnegative_scores = True

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del ranks
        counts = filled & (scores > 0)
        num_counted = jnp.maximum(jnp.sum(counts, dtype=scores.dtype), 1)
        mean_of_counted = lambda x: jnp.sum(jnp.where(counts, x, 0)) / num_counted  # noqa: E731
        differences = jnp.where(counts, scores, 0) - mean_of_counted(scores)
        deviation = jnp.sqrt(mean_of_counted(jnp.square(differences)))
        z_scores = differences / jnp.where(deviation > 0, deviation, 1)
        return jnp.where(counts, jax.nn.sigmoid(z_scores), 0)
