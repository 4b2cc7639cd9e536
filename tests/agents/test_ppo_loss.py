"""PPO's objective and its gradient are the reference's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import PPO
from minimax_eqx.agents._losses import ClippedValueLoss, HuberValueLoss, normalise
from minimax_eqx.agents._minibatches import Batch
from minimax_eqx.nets._distributions import AbstractDistribution
from minimax_eqx.nets._policy import Predictions

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


class Given(AbstractDistribution):
    """Says what it was given."""

    log_probs: jax.Array
    entropies: jax.Array

    def sample(self, noise):
        raise NotImplementedError

    def mode(self):
        raise NotImplementedError

    def kl(self, other):
        raise NotImplementedError

    def log_prob_and_entropy(self, action):
        return self.log_probs, self.entropies


@pytest.mark.parametrize("configuration", range(7))
def test_losses_and_gradients_are_the_reference_s(golden, configuration):
    arrays = golden("ppo_loss")
    prefix = f"c{configuration}_"
    ensemble = arrays["ensemble_size"][configuration] > 1

    def get(name, heads=False):
        array = jnp.asarray(arrays[prefix + name])
        return array[..., None] if heads and not ensemble else array

    shape = get("new_log_prob").shape
    batch = Batch(
        observations=None,
        resets=jnp.zeros(shape, bool),
        actions=jnp.zeros(shape, jnp.int32),
        log_probs=get("old_log_prob"),
        values=get("old_value", heads=True),
        advantages=normalise(get("advantage", heads=True)[..., 0]),
        targets=get("target", heads=True),
    )

    learner = PPO(
        clip_range=float(arrays["clip_eps"][configuration]),
        value_loss_coef=float(arrays["value_loss_coef"][configuration]),
        entropy_coef=float(arrays["entropy_coef"][configuration]),
        value_loss=ClippedValueLoss()
        if arrays["clip_value_loss"][configuration]
        else HuberValueLoss(),
    )

    def objective(log_probs, values, entropies):
        return learner.loss(Predictions(Given(log_probs, entropies), values), batch)

    (loss, metrics), gradients = jax.value_and_grad(objective, argnums=(0, 1, 2), has_aux=True)(
        get("new_log_prob"), get("new_value", heads=True), get("entropy")
    )
    np.testing.assert_allclose(loss, arrays[prefix + "total_loss"], **CLOSE)
    np.testing.assert_allclose(metrics["policy_loss"], arrays[prefix + "actor_loss"], **CLOSE)
    np.testing.assert_allclose(metrics["value_loss"], arrays[prefix + "value_loss"], **CLOSE)
    np.testing.assert_allclose(metrics["entropy"], arrays[prefix + "mean_entropy"], **CLOSE)
    for gradient, name, heads in zip(
        gradients, ("new_log_prob", "new_value", "entropy"), (False, True, False), strict=True
    ):
        np.testing.assert_allclose(gradient, get(f"grad_{name}", heads), **CLOSE)
