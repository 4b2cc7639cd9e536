"""What the finished episodes of a rollout amount to."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class EpisodeStatistics(eqx.Module):
    """The episodes that ended in each play, whatever came after the last of them left out.

    Means are over the episodes of a play, and 0 where `num_episodes` is 0.
    """

    num_episodes: Int[Array, "*plays"]
    mean_return: Float[Array, "*plays"]
    success_rate: Float[Array, "*plays"]
    mean_length: Float[Array, "*plays"]

    @classmethod
    def of(
        cls,
        rewards: Float[Array, "time *plays"],
        dones: Bool[Array, "time *plays"],
        successes: Bool[Array, "time *plays"],
    ) -> "EpisodeStatistics":
        """Collects them from what happened step by step."""
        # A step belongs to a finished episode if an episode ends in it or later.
        finished = jax.lax.cummax(dones.astype(jnp.int32), axis=0, reverse=True)
        num_episodes = jnp.sum(dones, axis=0)
        divisor = jnp.maximum(num_episodes, 1).astype(rewards.dtype)
        return cls(
            num_episodes=num_episodes,
            mean_return=jnp.sum(rewards * finished.astype(rewards.dtype), axis=0) / divisor,
            success_rate=jnp.sum(successes, axis=0).astype(rewards.dtype) / divisor,
            mean_length=jnp.sum(finished, axis=0).astype(rewards.dtype) / divisor,
        )

    def summary(self) -> dict[str, Float[Array, ""]]:
        """`return`, `success_rate`, `episode_length`: each play counts once, if it finished any.

        All are 0 if no episode finished at all; `num_episodes` says so.
        """
        counts = (self.num_episodes > 0).astype(self.mean_return.dtype)
        divisor = jnp.maximum(jnp.sum(counts), 1.0)
        return {
            "return": jnp.sum(self.mean_return * counts) / divisor,
            "success_rate": jnp.sum(self.success_rate * counts) / divisor,
            "episode_length": jnp.sum(self.mean_length * counts) / divisor,
            "num_episodes": jnp.sum(self.num_episodes).astype(self.mean_return.dtype),
        }
