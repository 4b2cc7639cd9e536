"""What students count for that finished no episode on a level."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import Episodes


def zero_if_unmeasured(
    episodes: Episodes, measured: Float[Array, "student level"]
) -> Float[Array, "student level"]:
    """The numbers measured, and 0 for students that finished no episode on the level.

    So the reference has it: a mean over students counts those too.
    """
    return jnp.where(episodes.counts > 0, measured, 0)


def mean_over_those_that_finished(
    episodes: Episodes, measured: Float[Array, "student level"]
) -> Float[Array, " level"]:
    """The mean over the students that finished an episode on the level; 0 if none did."""
    total = jnp.sum(zero_if_unmeasured(episodes, measured), axis=0)
    num_students = jnp.sum(episodes.counts > 0, axis=0, dtype=jnp.int32)
    return total / jnp.maximum(num_students, 1).astype(total.dtype)
