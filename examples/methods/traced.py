"""TRACED: replay what a model of the world did not expect, and what makes other levels easier.

Cho et al. 2026, arXiv 2506.19997. The score and the bonus are above the line, their model is below.

    minimax-eqx train traced.py --prediction-weight 0.5 --co-learnability 0

Options that are not the paper's for MiniGrid are those of the recipe maze-accel.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

import minimax_eqx as mx


class Surprise(mx.scores.AbstractScore):
    """`PVL + prediction_weight * ATPL`, averaged over the episodes of a level.

    PVL is the mean of `max(advantage, 0)` over the n steps of an episode. ATPL is the mean error of
    a model that predicts each next observation, over the n - 1 pairs of steps inside the episode.
    """

    prediction_weight: float = 1.0
    """Weight of the model's error beside the positive value loss."""
    num_gradient_steps: int = 1
    """Steps that the model learns in a cycle from all episodes; the authors take one for each."""
    model_learning_rate: float = 1e-4
    """Size of a step of the model's optimiser, AdamW."""
    per_step: bool = True
    """Whether a score is a mean over steps; if not, a sum, as the authors' program stores it."""
    can_be_negative = False

    def init(self, evidence, *, key):
        return None, Learned.create(evidence, self.model_learning_rate, key=key)

    def __call__(self, evidence, records, state):
        errors, state = state.fit(evidence, self.model_learning_rate, self.num_gradient_steps)
        episodes = mx.rollouts.Episodes.of(evidence)
        steps = episodes.lengths.astype(jnp.float32)
        gains = jnp.maximum(evidence.advantages[..., 0], 0)
        share = gains / steps + self.prediction_weight * errors / jnp.maximum(steps - 1, 1)
        scores = episodes.pooled_mean_of_sums(share if self.per_step else share * steps)
        return jnp.mean(jnp.nan_to_num(scores), axis=0), None, state

    def merge(self, record, news):
        return None

    def metrics(self, state):
        return {"model_loss": state.loss}


class Bonuses(eqx.Module):
    bonus: Float[Array, " capacity"]
    fall: Float[Array, " capacity"]  # of the score, when it was given last
    previous: Bool[Array, " capacity"]  # scored up to the last update of the students
    since: Bool[Array, " capacity"]  # scored after it


class CoLearnability(mx.curricula.AbstractPrioritisation[Bonuses]):
    """A bonus for levels after whose training the scores of others fell.

    In a cycle with update, every level that was scored up to the update before it gets
    `co_learnability * mean fall` of the scores given since. It lasts until the level's next score.
    """

    rule: mx.curricula.AbstractWeights = mx.curricula.Rank()
    """How scores, with their bonuses, become chances of being replayed."""
    co_learnability: float = 1.0
    """Weight of the bonus."""
    needs_nonnegative_scores = False

    def init(self, capacity):
        return Bonuses(*jnp.zeros((2, capacity)), *jnp.zeros((2, capacity), bool))

    def admission_weights(self, state, scores, ranks, filled):
        return self.rule.weights(scores, ranks, filled)  # without the bonus

    def replay_weights(self, state, buffer):
        raised = eqx.tree_at(lambda b: b.scores, buffer, buffer.scores + state.bonus)
        return self.rule.replay_weights(None, raised)

    def update(self, state, before, after, scored, updated):
        came_in, since = after.came_in_since(before), state.since | scored
        fall = jnp.where(came_in, 0.0, jnp.where(scored, before.scores - after.scores, state.fall))
        given = self.co_learnability * jnp.nan_to_num(jnp.mean(fall, where=since))
        previous = state.previous & ~came_in
        bonus = jnp.where(scored, 0.0, state.bonus) + jnp.where(updated & previous, given, 0.0)
        return Bonuses(bonus, fall, jnp.where(updated, since, previous), since & ~updated)


experiment = mx.recipes.maze.accel(
    score=Surprise(),
    prioritisation=CoLearnability(),
    staleness_coef=0.3,
    num_edits=5,
    parents=mx.curricula.Easiest(),
    learning_rate=1e-4,
    discount=0.995,
    gae_lambda=0.95,
)

# ------------------------------------------------------------------------------------------------
# The model: an LSTM reads what an episode showed and what was done in it, and tells what comes
# next. Of an observation with an `image` it predicts that, through convolutions; of any other one
# all of its numbers. A discrete action is one-hot, where the authors append it as one number.
# The sizes are the authors', for an accelerator: on a CPU it takes several times as long as all the
# rest of a cycle.


class Learned(eqx.Module):
    """The model, the state of its optimiser, and its latest loss."""

    model: "TransitionModel"
    optimiser: optax.OptState
    loss: Float[Array, ""]

    @classmethod
    def create(cls, evidence, learning_rate, *, key) -> "Learned":
        seen, actions = eqx.filter_eval_shape(as_arrays, evidence)
        model = TransitionModel.create(seen.shape[4:], actions.shape[-1], key=key)
        optimiser = optimiser_of(learning_rate).init(eqx.filter(model, eqx.is_array))
        return cls(model, optimiser, jnp.array(jnp.nan))

    def fit(self, evidence, learning_rate, num_gradient_steps) -> tuple[Array, "Learned"]:
        """The model's error at each step, before it learns, and what it is after that."""
        if num_gradient_steps < 1:
            raise ValueError(f"num_gradient_steps is {num_gradient_steps}; it must be at least 1.")
        seen, actions = as_arrays(evidence)
        episodes = mx.rollouts.Episodes.of(evidence)
        has_next = episodes.finished_steps & ~episodes.dones

        @eqx.filter_value_and_grad(has_aux=True)
        def loss_of(model):
            over_plays = jax.vmap(jax.vmap(jax.vmap(model.errors, 1, 1), 1, 1))
            errors = jnp.where(has_next, over_plays(seen, actions, episodes.begins), 0.0)
            return jnp.sum(errors) / jnp.maximum(jnp.sum(has_next, dtype=jnp.float32), 1), errors

        optimiser, learned, all_errors = optimiser_of(learning_rate), self, []
        for _ in range(num_gradient_steps):
            (loss, errors), gradient = loss_of(learned.model)
            weights = eqx.filter(learned.model, eqx.is_array)
            steps, state = optimiser.update(gradient, learned.optimiser, weights)
            learned = Learned(eqx.apply_updates(learned.model, steps), state, loss)
            all_errors.append(errors)
        return all_errors[0], learned


class TransitionModel(eqx.Module):
    """Written for one play: arrays have a leading axis `time` and no other."""

    encoder: eqx.nn.Sequential
    memory: eqx.nn.LSTMCell
    decoder: eqx.nn.Sequential

    @classmethod
    def create(cls, shape, num_actions, *, key):
        keys = jax.random.split(key, 7)
        relu, flatten = eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(jnp.ravel)
        if len(shape) == 1:
            memory = eqx.nn.LSTMCell(shape[0] + num_actions, 256, key=keys[3])
            decoder = eqx.nn.Linear(256, shape[0], key=keys[4])
            return cls(eqx.nn.Sequential([]), memory, eqx.nn.Sequential([decoder]))
        rows, columns, channels = shape
        size = rows * columns * 64
        first = Convolution.create(channels, 32, key=keys[0])
        second = Convolution.create(32, 64, key=keys[1])
        features = eqx.nn.Linear(size, 128, key=keys[2])
        encoder = eqx.nn.Sequential([first, relu, second, relu, flatten, features])
        memory = eqx.nn.LSTMCell(128 + num_actions, 128, key=keys[3])
        spread = eqx.nn.Linear(128, size, key=keys[4])
        unflatten = eqx.nn.Lambda(lambda x: x.reshape(rows, columns, 64))
        third = Convolution.create(64, 32, key=keys[5])
        fourth = Convolution.create(32, channels, key=keys[6])
        sigmoid = eqx.nn.Lambda(jax.nn.sigmoid)
        decoder = eqx.nn.Sequential([spread, unflatten, third, relu, fourth, sigmoid])
        return cls(encoder, memory, decoder)

    def errors(self, seen, actions, begins):
        """How wrong each prediction of the next observation is; 0 in the last step."""

        def read(memory, step):
            inputs, begins = step
            memory = jax.tree.map(lambda x: jnp.where(begins, 0.0, x), memory)
            memory = self.memory(inputs, memory)
            return memory, memory[0]

        inputs = jnp.concatenate([jax.vmap(self.encoder)(seen), actions], axis=1)
        empty = jnp.zeros((2, self.memory.hidden_size))
        _, outputs = jax.lax.scan(read, tuple(empty), (inputs, begins))
        differences = (jax.vmap(self.decoder)(outputs)[:-1] - seen[1:]).reshape(len(seen) - 1, -1)
        is_image = seen.ndim > 2
        wrong = jnp.abs(differences) if is_image else jnp.square(differences)
        return jnp.pad(jnp.mean(wrong, axis=1), (0, 1))


class Convolution(eqx.Module):
    """`eqx.nn.Conv2d` of 3 x 3 places with padding, as one product: on a CPU it is much faster."""

    linear: eqx.nn.Linear

    @classmethod
    def create(cls, num_inputs, num_outputs, *, key):
        return cls(eqx.nn.Linear(9 * num_inputs, num_outputs, key=key))

    def __call__(self, image, *, key=None):
        rows, columns, _ = image.shape
        padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)))
        shifted = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
        return jax.vmap(jax.vmap(self.linear))(jnp.concatenate(shifted, axis=-1))


def optimiser_of(learning_rate):
    adamw = optax.adamw(learning_rate, weight_decay=1e-5)
    return mx.agents.Optax(optax.chain(optax.clip_by_global_norm(0.5), adamw))


def as_arrays(evidence):
    """What was seen and what was done, as numbers after the axes `student time level trial`."""
    seen, actions = evidence.observations, evidence.actions
    if hasattr(seen, "image"):
        seen = seen.image.astype(jnp.float32) / 10  # codes are at most 10
    else:
        leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(seen)]
        seen = jnp.concatenate([leaf.reshape(*leaf.shape[:4], -1) for leaf in leaves], axis=-1)
    if jnp.issubdtype(actions.dtype, jnp.integer):
        actions = jax.nn.one_hot(actions, evidence.distributions.logits.shape[-1])
    return seen, actions.reshape(*actions.shape[:4], -1)
