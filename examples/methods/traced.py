"""A score that learns: TRACED's, with a model of the world in a few lines.

Levels are replayed where things went better than expected, and where a model did not foresee what
came next (Cho et al. 2026, arXiv 2506.19997). The package has the whole method, `mx.scores.TRACED`,
whose model remembers an episode. The model here sees one step at a time.

    minimax-eqx train traced.py --prediction-weight 0.5 --co-learnability 0
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

import minimax_eqx as mx


class Surprise(mx.scores.AbstractScore):
    """`PVL + prediction_weight * error`, averaged over the episodes of a level.

    PVL is the mean of `max(advantage, 0)` over the n steps of an episode. The error is that of a
    model that predicts each next observation, over the n - 1 pairs of steps inside the episode.
    """

    prediction_weight: float = 1.0
    """Weight of the model's error beside the positive value loss."""
    model_learning_rate: float = 1e-3
    """Size of a step of the model's optimiser."""
    can_be_negative = False

    def init(self, evidence, *, key):
        return None, Learned.create(evidence, self.model_learning_rate, key=key)

    def __call__(self, evidence, records, state):
        errors, state = state.fit(evidence, self.model_learning_rate)
        episodes = mx.rollouts.Episodes.of(evidence)
        steps = episodes.lengths.astype(jnp.float32)
        gains = jnp.maximum(evidence.advantages[..., 0], 0)
        share = gains / steps + self.prediction_weight * errors / jnp.maximum(steps - 1, 1)
        scores = episodes.pooled_mean_of_sums(share)
        return jnp.mean(jnp.nan_to_num(scores), axis=0), None, state

    def merge(self, record, news):
        return None

    def metrics(self, state):
        return {"model_loss": state.loss}


experiment = mx.recipes.maze.traced(score=Surprise())

# ------------------------------------------------------------------------------------------------
# The model: two layers read what a step showed and what was done in it, and tell what comes next.


class Learned(eqx.Module):
    """The model, the state of its optimiser, and its latest loss."""

    model: eqx.nn.MLP
    optimiser: optax.OptState
    loss: Float[Array, ""]

    @classmethod
    def create(cls, evidence, learning_rate, *, key) -> "Learned":
        seen, actions = eqx.filter_eval_shape(as_arrays, evidence)
        size = seen.shape[-1]
        model = eqx.nn.MLP(size + actions.shape[-1], size, width_size=64, depth=1, key=key)
        optimiser = optimiser_of(learning_rate).init(eqx.filter(model, eqx.is_array))
        return cls(model, optimiser, jnp.array(jnp.nan))

    def fit(self, evidence, learning_rate) -> tuple[Array, "Learned"]:
        """The model's error at each step, before it learns, and what it is after that."""
        seen, actions = as_arrays(evidence)
        episodes = mx.rollouts.Episodes.of(evidence)
        has_next = episodes.finished_steps & ~episodes.dones
        inputs = jnp.concatenate([seen, actions], axis=-1)

        @eqx.filter_value_and_grad(has_aux=True)
        def loss_of(model):
            predicted = jax.vmap(model)(inputs.reshape(-1, inputs.shape[-1])).reshape(seen.shape)
            wrong = jnp.mean(jnp.square(predicted - jnp.roll(seen, -1, axis=1)), axis=-1)
            errors = jnp.where(has_next, wrong, 0.0)
            return jnp.sum(errors) / jnp.maximum(jnp.sum(has_next, dtype=jnp.float32), 1), errors

        (loss, errors), gradient = loss_of(self.model)
        weights = eqx.filter(self.model, eqx.is_array)
        steps, optimiser = optimiser_of(learning_rate).update(gradient, self.optimiser, weights)
        return errors, Learned(eqx.apply_updates(self.model, steps), optimiser, loss)


def optimiser_of(learning_rate):
    return mx.agents.Optax(optax.adamw(learning_rate, weight_decay=1e-5))


def as_arrays(evidence):
    """What was seen and what was done, as numbers after the axes `student time level trial`."""
    leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(evidence.observations)]
    seen = jnp.concatenate([leaf.reshape(*leaf.shape[:4], -1) for leaf in leaves], axis=-1) / 10
    actions = jax.nn.one_hot(evidence.actions, evidence.distributions.logits.shape[-1])
    return seen, actions
