"""A score whose state is a model that learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import AbstractScore
from minimax_eqx.scores._score import init_memoryless

from ..evidence import KEY, begin, evaluate, random_evidence, structure


class Model(eqx.Module):
    """A network, activation functions included, and what its optimiser remembers."""

    network: eqx.nn.MLP
    optimiser_state: optax.OptState
    loss: jax.Array


class Surprise(AbstractScore[None, Model]):
    """How badly a network predicts a step's reward from the values."""

    learning_rate: float = 1e-2
    can_be_negative = False

    def init(self, evidence, *, key):
        network = eqx.nn.MLP(evidence.num_value_heads, "scalar", 16, 1, key=key)
        optimiser_state = self._optimiser.init(eqx.filter(network, eqx.is_array))
        return None, Model(network, optimiser_state, jnp.full((), jnp.nan))

    def __call__(self, evidence, records, state):
        episodes = Episodes.of(evidence)

        @eqx.filter_value_and_grad(has_aux=True)
        def loss(network):
            errors = jnp.square(jax.vmap(network)(values) - rewards)
            return jnp.mean(errors), errors

        values = evidence.values.reshape(-1, evidence.num_value_heads)
        rewards = evidence.rewards.reshape(-1)
        (mean_error, errors), gradient = loss(state.network)
        # Adam mixes types of numbers, which tests forbid.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimiser_state = self._optimiser.update(gradient, state.optimiser_state)
        network = eqx.apply_updates(state.network, updates)
        surprise = episodes.pooled_mean(errors.reshape(evidence.rewards.shape))
        scores = jnp.where(episodes.finished_on_level, jnp.nanmean(surprise, axis=0), 0)
        return scores, None, Model(network, optimiser_state, mean_error)

    def merge(self, record, news):
        return None

    def metrics(self, state):
        return {"loss": state.loss}

    @property
    def _optimiser(self):
        return optax.adam(self.learning_rate)


def test_a_score_may_hold_a_network_and_an_optimiser_and_learn():
    score, evidence = Surprise(), random_evidence(0)
    records, state = begin(score, evidence)
    assert records is None
    assert jnp.isnan(score.metrics(state)["loss"])
    losses = []
    for _ in range(30):
        actual, _, state = evaluate(score, evidence, records, state)
        losses.append(score.metrics(state)["loss"])
    assert losses[-1] < losses[0]
    assert np.isfinite(actual).all()
    assert callable(state.network.activation)


def test_the_first_state_of_a_score_without_records_is_handed_on():
    state = init_memoryless("Mine", Surprise(), structure(random_evidence(0)), key=KEY)
    assert isinstance(state, Model)
