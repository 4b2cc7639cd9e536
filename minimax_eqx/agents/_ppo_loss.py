"""PPO's objective."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from .._types import PyTree
from ..nets import ActorCritic

ADVANTAGE_EPSILON = 1e-5

Metrics = dict[str, Float[Array, ""]]


class PPOBatch(eqx.Module):
    """A trajectory, or a part of it, with what the loss compares the network's output to."""

    observations: PyTree[Array, "..."]  # leading axes: time level
    resets: Bool[Array, "time level"]
    actions: Int[Array, "time level"]
    log_probs: Float[Array, "time level"]
    values: Float[Array, "time level value_head"]
    advantages: Float[Array, "time level"]  # normalised, see `normalise`
    targets: Float[Array, "time level value_head"]


def ppo_loss(
    network: ActorCritic,
    batch: PPOBatch,
    *,
    clip_range: Float[Array, ""],
    value_loss_coef: Float[Array, ""],
    entropy_coef: Float[Array, ""],
    clip_value_loss: bool,
) -> tuple[Float[Array, ""], Metrics]:
    """`ppo_objective` of what the network says of the batch now."""
    carry = network.initial_carry(batch.actions.shape[1:])
    predictions, _ = network.scan(batch.observations, carry, batch.resets)
    log_policy = jax.nn.log_softmax(predictions.logits)
    return ppo_objective(
        jnp.take_along_axis(log_policy, batch.actions[..., None], axis=-1)[..., 0],
        predictions.values,
        -jnp.sum(jnp.exp(log_policy) * log_policy, axis=-1),
        batch,
        clip_range=clip_range,
        value_loss_coef=value_loss_coef,
        entropy_coef=entropy_coef,
        clip_value_loss=clip_value_loss,
    )


def ppo_objective(
    log_probs: Float[Array, "time level"],
    values: Float[Array, "time level value_head"],
    entropies: Float[Array, "time level"],
    batch: PPOBatch,
    *,
    clip_range: Float[Array, ""],
    value_loss_coef: Float[Array, ""],
    entropy_coef: Float[Array, ""],
    clip_value_loss: bool,
) -> tuple[Float[Array, ""], Metrics]:
    """`policy_loss + value_loss_coef * value_loss - entropy_coef * entropy`, and metrics.

    All of them are means, so those of equal parts of a batch have the whole batch's as their mean.
    """
    policy_loss = clipped_policy_loss(log_probs, batch.log_probs, batch.advantages, clip_range)
    if clip_value_loss:
        value_loss = clipped_value_loss(values, batch.values, batch.targets, clip_range)
    else:
        value_loss = jnp.mean(optax.huber_loss(values, batch.targets, delta=1.0))
    entropy = jnp.mean(entropies)
    loss = policy_loss + value_loss_coef * value_loss - entropy_coef * entropy
    log_ratio = log_probs - batch.log_probs
    metrics = {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": jnp.mean(jnp.expm1(log_ratio) - log_ratio),
        "clip_fraction": jnp.mean(jnp.abs(jnp.expm1(log_ratio)) > clip_range, dtype=jnp.float32),
    }
    return loss, jax.lax.stop_gradient(metrics)


def normalise(advantages: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Zero mean and unit standard deviation over the whole batch."""
    return (advantages - jnp.mean(advantages)) / (jnp.std(advantages) + ADVANTAGE_EPSILON)


def clipped_policy_loss(
    log_probs: Float[Array, "*batch"],
    old_log_probs: Float[Array, "*batch"],
    advantages: Float[Array, "*batch"],
    clip_range: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Minus PPO's clipped surrogate objective (equation 7)."""
    ratio = jnp.exp(log_probs - old_log_probs)
    clipped = jnp.clip(ratio, 1 - clip_range, 1 + clip_range)
    return -jnp.mean(jnp.minimum(ratio * advantages, clipped * advantages))


def clipped_value_loss(
    values: Float[Array, "*batch"],
    old_values: Float[Array, "*batch"],
    targets: Float[Array, "*batch"],
    clip_range: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Half the mean of the larger squared error: that of the value or of the clipped value."""
    clipped = old_values + jnp.clip(values - old_values, -clip_range, clip_range)
    errors = jnp.maximum((values - targets) ** 2, (clipped - targets) ** 2)
    return 0.5 * jnp.mean(errors)
