"""What the finished episodes of a rollout amount to."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class EpisodeStatistics(eqx.Module):
    """The episodes that ended in each play, whatever came after the last of them left out.

    Means are over the episodes of a play, and 0 where `num_episodes` is 0. `success_rate` is NaN
    everywhere where it can't be measured, see `of`.
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
        max_episode_steps: int | None = None,
    ) -> "EpisodeStatistics":
        """Collects them from what happened step by step.

        `max_episode_steps` is the environment's time limit, if it is known. In a play with fewer
        steps no failure that takes the whole limit ever ends, so that the success rate of what did
        end says nothing: it is NaN then. In a longer play the first episode always ends.
        """
        # A step belongs to a finished episode if an episode ends in it or later.
        finished = jax.lax.cummax(dones.astype(jnp.int32), axis=0, reverse=True)
        num_episodes = jnp.sum(dones, axis=0, dtype=jnp.int32)
        divisor = jnp.maximum(num_episodes, 1).astype(rewards.dtype)
        success_rate = jnp.sum(successes, axis=0, dtype=rewards.dtype) / divisor
        if max_episode_steps is not None and rewards.shape[0] < max_episode_steps:
            success_rate = jnp.full_like(success_rate, jnp.nan)
        return cls(
            num_episodes=num_episodes,
            mean_return=jnp.sum(rewards * finished.astype(rewards.dtype), axis=0) / divisor,
            success_rate=success_rate,
            mean_length=jnp.sum(finished, axis=0, dtype=rewards.dtype) / divisor,
        )

    def summary(self) -> dict[str, Float[Array, ""]]:
        """`return`, `success_rate`, `episode_length`: each play counts once, if it finished any.

        They are NaN if no episode finished at all, and then `num_episodes` is 0.
        """
        counts = (self.num_episodes > 0).astype(self.mean_return.dtype)
        num_plays = jnp.sum(counts)

        def mean(of_plays):
            return jnp.sum(of_plays * counts) / num_plays

        return {
            "return": mean(self.mean_return),
            "success_rate": mean(self.success_rate),
            "episode_length": mean(self.mean_length),
            "num_episodes": jnp.sum(self.num_episodes, dtype=self.mean_return.dtype),
        }
