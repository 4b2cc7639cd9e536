"""The best returns that levels allow, where the environment knows them."""

import jax
from jaxtyping import Array, Float

from .._types import PyTree
from ..envs import AbstractEnv


def optimum_of(env: AbstractEnv, levels: PyTree) -> Float[Array, " level"] | None:
    """The best return of each of `levels` (leading axis `level`); None if `env` does not tell."""
    return jax.vmap(env.optimal_return)(levels)
