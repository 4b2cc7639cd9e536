"""Which stored level a newcomer has to beat, to be admitted to a level buffer."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._types import Scalar


class AbstractAdmission(eqx.Module):
    """Chooses the slot whose level a newcomer meets.

    The newcomer takes the slot if its score is at least as high as the score there, and is left out
    otherwise. Level replay asks once for every level of a cycle that it does not hold.
    """

    @abc.abstractmethod
    def opponent(
        self,
        scores: Float[Array, " capacity"],
        chances: Float[Array, " capacity"],
        staleness_coef: Scalar,
    ) -> Int[Array, ""]:
        """The slot to meet; the first one that is not filled, if there is any.

        `chances` are those of being replayed, by the prioritisation's `admission_weights` and with
        that `staleness_coef`. In a slot that is not filled the chance is 0 and the score minus
        infinity.
        """


class BeatTheLeastLikely(AbstractAdmission):
    """The level that is least likely to be replayed, as in the reference.

    Of several the one with the lowest score, and of those the first. Chances are equal where they
    are too small for single precision, for example, or outside of `TopK`. With a `staleness_coef`
    of 1, where scores have no say in what is replayed, it is the first of several.
    """

    def opponent(
        self,
        scores: Float[Array, " capacity"],
        chances: Float[Array, " capacity"],
        staleness_coef: Scalar,
    ) -> Int[Array, ""]:
        least_likely = chances == jnp.min(chances)
        decides = (staleness_coef < 1) | (scores == -jnp.inf)
        return first_lowest(jnp.where(least_likely, jnp.where(decides, scores, 0.0), jnp.inf))


class BeatTheLowestScore(AbstractAdmission):
    """The level with the lowest score, the first of several: ages have no say in what has to go.

    A full buffer then holds the highest scores that it was offered, whatever its `staleness_coef`,
    but for levels that were scored lower when they were met again.
    """

    def opponent(
        self,
        scores: Float[Array, " capacity"],
        chances: Float[Array, " capacity"],
        staleness_coef: Scalar,
    ) -> Int[Array, ""]:
        del chances, staleness_coef
        return first_lowest(scores)


def first_lowest(values: Float[Array, " capacity"]) -> Int[Array, ""]:
    """`jnp.argmin`, several times as fast on a CPU."""
    index = jnp.arange(values.size, dtype=jnp.int32)
    return jnp.min(jnp.where(values == jnp.min(values), index, values.size - 1))
