"""Generalised advantage estimation."""

import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.agents._advantage import generalised_advantages

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def over_columns(rewards, dones, values, last, **options):
    function = lambda *args: generalised_advantages(*args, **options)  # noqa: E731
    return jax.vmap(function, in_axes=(1, 1, 1, 0), out_axes=1)(
        jnp.asarray(rewards), jnp.asarray(dones), jnp.asarray(values), jnp.asarray(last)
    )


def test_advantages_are_the_reference_s(golden):
    arrays = golden("gae")
    for i, (discount, gae_lambda) in enumerate(
        zip(arrays["discount"], arrays["gae_lambda"], strict=True)
    ):
        advantages, targets = over_columns(
            arrays["rewards"],
            arrays["dones"],
            arrays["values"],
            arrays["last_value"],
            discount=float(discount),
            gae_lambda=float(gae_lambda),
        )
        np.testing.assert_allclose(advantages, arrays["advantages"][i], **CLOSE)
        np.testing.assert_allclose(targets, arrays["targets"][i], **CLOSE)


def test_a_reward_at_the_last_step_reaches_back_to_the_first(golden):
    arrays = golden("gae")
    values = arrays["final_reward_values"]
    advantages, targets = over_columns(
        arrays["final_reward_rewards"],
        arrays["final_reward_dones"],
        values,
        np.zeros(values.shape[1], np.float32),
        discount=0.995,
        gae_lambda=0.98,
    )
    np.testing.assert_allclose(advantages, arrays["final_reward_advantages"], **CLOSE)
    np.testing.assert_allclose(targets, arrays["final_reward_targets"], **CLOSE)


def test_bootstrapping_continues_past_a_time_limit():
    """A step cut off by the time limit has the target of one that goes on to the same state."""
    rewards, values = jnp.array([0.0, 1.0]), jnp.array([0.5, 0.25])
    options = {"discount": 0.9, "gae_lambda": 0.8}
    cut = generalised_advantages(
        rewards,
        jnp.array([False, True]),
        values,
        jnp.array(7.0),  # of the next episode: must not matter
        truncation_values=jnp.array([0.0, 2.0]),
        **options,
    )
    going_on = generalised_advantages(
        rewards, jnp.array([False, False]), values, jnp.array(2.0), **options
    )
    for one, other in zip(cut, going_on, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_with_lambda_one_the_target_is_the_discounted_return():
    rewards = jnp.array([1.0, 2.0, 4.0])
    _, targets = generalised_advantages(
        rewards,
        jnp.array([False, False, True]),
        jnp.array([0.3, -0.2, 5.0]),
        jnp.array(9.0),
        discount=0.5,
        gae_lambda=1.0,
    )
    np.testing.assert_allclose(targets, [1 + 1 + 1, 2 + 2, 4], rtol=1e-6)
