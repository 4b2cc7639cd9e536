"""What a student counts for on a level on which it finished no episode."""

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
