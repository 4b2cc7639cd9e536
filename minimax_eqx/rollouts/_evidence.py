"""What happened on levels that several students played, perhaps several times."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

from .._types import PyTree


class Evidence(eqx.Module):
    """What happened on the proposed levels, for every student and every trial.

    Episodes ended where `dones` is true; the last one of a play is usually unfinished.
    """

    observations: PyTree[Array, "..."]  # leading axes: student time level trial
    actions: Int[Array, "student time level trial"]
    rewards: Float[Array, "student time level trial"]
    dones: Bool[Array, "student time level trial"]
    successes: Bool[Array, "student time level trial"]
    values: Float[Array, "student time level trial value_head"]
    advantages: Float[Array, "student time level trial value_head"]
