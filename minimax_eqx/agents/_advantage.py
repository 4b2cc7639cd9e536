"""Generalised advantage estimation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def generalised_advantages(
    rewards: Float[Array, " time"],
    dones: Bool[Array, " time"],
    values: Float[Array, " time"],
    last_value: Float[Array, ""],
    *,
    discount: Float[Array, ""] | float,
    gae_lambda: Float[Array, ""] | float,
    truncation_values: Float[Array, " time"] | None = None,
) -> tuple[Float[Array, " time"], Float[Array, " time"]]:
    """Advantages and value targets of one sequence of episodes.

    With `v'` the value after a step and `m` 0 where an episode ends, else 1:
    `delta = r + discount m v' - v`, `A = delta + discount lambda m A'`, `target = A + v`
    (Schulman et al. 2016, arXiv 1506.02438, equation 16).

    `last_value` is the value after the last step. `truncation_values`, if given, holds the value of
    the state in which a time limit cut an episode off, and 0 elsewhere; it stands in for `v'` there
    (partial-episode bootstrapping, Pardo et al. 2018, arXiv 1712.00378).
    """
    if truncation_values is not None:
        rewards = rewards + discount * truncation_values
    alive = 1.0 - dones.astype(values.dtype)
    next_values = jnp.append(values[1:], last_value)
    deltas = rewards + discount * alive * next_values - values

    def body(advantage, inputs):
        delta, alive = inputs
        advantage = delta + discount * gae_lambda * alive * advantage
        return advantage, advantage

    _, advantages = jax.lax.scan(body, jnp.zeros_like(last_value), (deltas, alive), reverse=True)
    return advantages, advantages + values
