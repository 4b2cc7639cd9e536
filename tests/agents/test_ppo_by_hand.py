"""One update of PPO, and its estimates, computed again in NumPy for a network small enough."""

import dataclasses
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minimax_eqx.agents import PPO, Agent, Optax
from minimax_eqx.agents._agent import Estimates, Trajectory
from minimax_eqx.agents._losses import ClippedValueLoss, HuberValueLoss
from minimax_eqx.nets._distributions import Categorical
from minimax_eqx.nets._policy import AbstractPolicy, Predictions

STEPS, PLAYS, FEATURES, ACTIONS, HEADS = 3, 4, 2, 3, 2
CLIP_RANGE, VALUE_LOSS_COEF, ENTROPY_COEF = 0.15, 0.7, 0.03
LEARNING_RATE, MOMENTUM = 0.2, 0.5
SGD = optax.sgd(LEARNING_RATE, momentum=MOMENTUM)
DECAY = 0.5
EPOCHS = MINIBATCHES = 2
METRICS = (
    "loss",
    "policy_loss",
    "value_loss",
    "entropy",
    "approx_kl",
    "clip_fraction",
    "grad_norm",
)


CLIPPED, HUBER = ClippedValueLoss(), HuberValueLoss()


class Linear(AbstractPolicy):
    """Linear heads on what is observed, or on a memory: what is observed, and half of what it held
    before."""

    policy: tuple[jax.Array, jax.Array]
    value: tuple[jax.Array, jax.Array]
    recurrent: bool

    @property
    def has_memory(self):
        return self.recurrent

    def initial_memory(self, batch_shape=()):
        return jnp.zeros((*batch_shape, FEATURES))

    def step(self, observation, memory, reset):
        if self.recurrent:
            observation += DECAY * jnp.where(reset[..., None], 0.0, memory)
        logits, values = (observation @ w + b[None] for w, b in (self.policy, self.value))
        return Predictions(Categorical(logits), values), observation

    def scan(self, observations, memory, resets):
        def step(memory, inputs):
            return self.step(inputs[0], memory, inputs[1])[::-1]

        memory, predictions = jax.lax.scan(step, memory, (observations, resets))
        return predictions, memory


def normal(generator, *shape):
    return generator.normal(size=shape).astype(np.float32)


def make_learner(value_loss=CLIPPED, num_epochs=EPOCHS, num_minibatches=MINIBATCHES):
    return PPO(
        optimiser=Optax(SGD),
        discount=0.9,
        gae_lambda=0.6,
        clip_range=CLIP_RANGE,
        value_loss=value_loss,
        value_loss_coef=VALUE_LOSS_COEF,
        entropy_coef=ENTROPY_COEF,
        num_epochs=num_epochs,
        num_minibatches=num_minibatches,
    )


def make_agent(learner, *, recurrent):
    generator = np.random.default_rng(3)
    shapes = ((FEATURES, ACTIONS), (ACTIONS,), (FEATURES, HEADS), (HEADS,))
    weight, bias, *value = (jnp.asarray(normal(generator, *shape)) for shape in shapes)
    network = Linear((weight, bias), tuple(value), recurrent)
    params = eqx.filter(network, eqx.is_inexact_array)
    return Agent(network, learner.optimiser.init(params), jnp.zeros((), jnp.int32))


@pytest.fixture(scope="module")
def experience():
    """Plays whose policy and values have moved on since, so that some of both are clipped."""
    generator = np.random.default_rng(11)
    dones = np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], bool)
    truncated = np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    observations = normal(generator, STEPS, PLAYS, FEATURES)
    actions = generator.integers(0, ACTIONS, (STEPS, PLAYS))
    agent = parameters_of(make_agent(make_learner(), recurrent=True))
    policy, values = predict(agent, memories(observations, dones))
    log_probs = np.log(np.take_along_axis(policy, actions[..., None], -1)[..., 0])
    spread = (STEPS, PLAYS)
    single = lambda array: jnp.asarray(array, jnp.float32)  # noqa: E731
    trajectory = Trajectory(
        observations=single(observations),
        actions=jnp.asarray(actions, jnp.int32),
        distributions=Categorical(single(np.log(policy))),
        log_probs=single(log_probs + 0.3 * normal(generator, *spread)),
        values=single(values + 0.3 * normal(generator, *spread, HEADS)),
        rewards=single(normal(generator, *spread)),
        terminated=jnp.asarray(dones & ~truncated),
        truncated=jnp.asarray(truncated),
        successes=jnp.asarray(dones),
        last_values=single(normal(generator, PLAYS, HEADS)),
        truncation_values=None,
    )
    estimates = Estimates(
        single(normal(generator, *spread, HEADS)),
        single(2 * normal(generator, *spread, HEADS) + np.array([1, -2])),
    )
    return trajectory, estimates


# In NumPy


def parameters_of(agent):
    leaves = (*agent.network.policy, *agent.network.value)
    return [np.asarray(leaf, np.float64) for leaf in leaves]


def memories(observations, dones):
    """What the memory holds in each step, which begins with nothing after an episode's end."""
    held, memory = [], np.zeros_like(observations[0])
    for observation, begins in zip(observations, [np.ones(PLAYS, bool), *dones[:-1]], strict=True):
        memory = observation + DECAY * np.where(begins[:, None], 0, memory)
        held.append(memory)
    return np.stack(held)


def predict(parameters, features):
    policy_weight, policy_bias, value_weight, value_bias = parameters
    logits = features @ policy_weight + policy_bias
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    policy = exponentials / exponentials.sum(-1, keepdims=True)
    return policy, features @ value_weight + value_bias


def gradient_and_metrics(parameters, batch, value_loss):
    """Of the loss on a batch of transitions, with the axis `transition` first."""
    features, actions = batch["features"], batch["actions"]
    advantages = batch["advantages"]
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-5)
    size = len(actions)
    policy, values = predict(parameters, features)
    chosen = np.eye(ACTIONS)[actions]
    log_policy = np.log(policy)
    log_ratio = np.sum(log_policy * chosen, -1) - batch["log_probs"]
    ratio = np.exp(log_ratio)
    clipped = np.clip(ratio, 1 - CLIP_RANGE, 1 + CLIP_RANGE)
    policy_loss = -np.mean(np.minimum(ratio * advantages, clipped * advantages))
    moves = ratio * advantages <= clipped * advantages
    of_logits = -(moves * ratio * advantages / size)[:, None] * (chosen - policy)
    entropies = -np.sum(policy * log_policy, -1)
    of_logits += ENTROPY_COEF / size * policy * (log_policy + entropies[:, None])
    errors = values - batch["targets"]
    if value_loss == CLIPPED:
        near = batch["values"] + np.clip(values - batch["values"], -CLIP_RANGE, CLIP_RANGE)
        near_errors = near - batch["targets"]
        mean_error = 0.5 * np.mean(np.maximum(errors**2, near_errors**2))
        is_clipped = near_errors**2 > errors**2
        inside = np.abs(values - batch["values"]) <= CLIP_RANGE
        of_values = np.where(is_clipped, near_errors * inside, errors)
    else:
        small = np.abs(errors) <= 1
        mean_error = np.mean(np.where(small, 0.5 * errors**2, np.abs(errors) - 0.5))
        of_values = np.where(small, errors, np.sign(errors))
    of_values = VALUE_LOSS_COEF * of_values / errors.size
    gradient = [
        features.T @ of_logits,
        of_logits.sum(0),
        features.T @ of_values,
        of_values.sum(0),
    ]
    entropy = np.mean(entropies)
    metrics = {
        "loss": policy_loss + VALUE_LOSS_COEF * mean_error - ENTROPY_COEF * entropy,
        "policy_loss": policy_loss,
        "value_loss": mean_error,
        "entropy": entropy,
        "approx_kl": np.mean(ratio - 1 - log_ratio),
        "clip_fraction": np.mean(np.abs(ratio - 1) > CLIP_RANGE),
        "grad_norm": np.sqrt(sum(np.sum(leaf**2) for leaf in gradient)),
    }
    return gradient, np.array([metrics[name] for name in METRICS])


def update_by_hand(agent, batch, minibatches, value_loss=CLIPPED):
    """The parameters after a step of momentum for each minibatch, a list of transitions, and the
    metrics averaged over them."""
    parameters = parameters_of(agent)
    velocities, all_metrics = [0.0] * len(parameters), []
    for chosen in minibatches:
        part = {name: leaf[chosen] for name, leaf in batch.items()}
        gradient, metrics = gradient_and_metrics(parameters, part, value_loss)
        velocities = [MOMENTUM * v + g for v, g in zip(velocities, gradient, strict=True)]
        parameters = [p - LEARNING_RATE * v for p, v in zip(parameters, velocities, strict=True)]
        all_metrics.append(metrics)
    return np.concatenate([*map(np.ravel, parameters), np.mean(all_metrics, axis=0)])


def transitions(experience, *, recurrent):
    """Everything in the order of plays and then of time, so that a play is a slice."""
    trajectory, estimates = experience
    observations = np.asarray(trajectory.observations)
    dones = np.asarray(trajectory.terminated | trajectory.truncated)
    batch = {
        "features": memories(observations, dones) if recurrent else observations,
        "actions": trajectory.actions,
        "log_probs": trajectory.log_probs,
        "values": trajectory.values,
        "advantages": estimates.advantages[..., 0],
        "targets": estimates.targets,
    }
    flat = {n: np.asarray(leaf).swapaxes(0, 1) for n, leaf in batch.items()}
    flat = {n: leaf.reshape(PLAYS * STEPS, *leaf.shape[2:]) for n, leaf in flat.items()}
    return {n: leaf if n == "actions" else leaf.astype(np.float64) for n, leaf in flat.items()}


def halves(units):
    """All ways to cut a list in two equal parts, one after the other."""
    for first in itertools.combinations(range(len(units)), len(units) // 2):
        rest = [i for i in range(len(units)) if i not in first]
        yield first, [[t for i in part for t in units[i]] for part in (first, rest)]


@eqx.filter_jit
def update(learner, agent, experience, keys):
    """Updates of one agent with each of several keys."""
    return eqx.filter_vmap(lambda key: learner.update(agent, *experience, key=key))(keys)


def results(learner, agent, experience, keys):
    """Parameters and metrics after an update with each key, as `update_by_hand` gives them."""
    agents, metrics = update(learner, agent, experience, keys)
    for index in range(len(keys)):
        one = jax.tree.map(lambda leaf, i=index: leaf[i], eqx.filter(agents, eqx.is_array))
        measured = [np.asarray(metrics[name][index]) for name in METRICS]
        yield np.concatenate([*map(np.ravel, parameters_of(one)), measured])


@pytest.mark.parametrize("value_loss", [CLIPPED, HUBER], ids=["clipped", "huber"])
def test_an_update_is_that_by_hand_with_plays_shuffled_anew_in_every_epoch(experience, value_loss):
    """Of all pairs of shuffles, one explains what each key gives."""
    learner = make_learner(value_loss)
    agent = make_agent(learner, recurrent=True)
    batch = transitions(experience, recurrent=True)
    plays = [range(play * STEPS, (play + 1) * STEPS) for play in range(PLAYS)]
    by_hand = {
        (first, second): update_by_hand(agent, batch, [*parts, *other_parts], value_loss)
        for (first, parts), (second, other_parts) in itertools.product(halves(plays), repeat=2)
    }
    assert len(by_hand) == math.comb(PLAYS, PLAYS // 2) ** 2
    shuffles = []
    for result in results(learner, agent, experience, jax.random.split(jax.random.key(1), 24)):
        distances = {pair: np.abs(result - expected).max() for pair, expected in by_hand.items()}
        pair = min(distances, key=distances.get)
        np.testing.assert_allclose(result, by_hand[pair], rtol=2e-4, atol=2e-5)
        shuffles.append(pair)
    assert len({first for first, _ in shuffles}) > 3
    assert any(first != second for first, second in shuffles)


def test_without_memory_the_parts_of_an_update_are_transitions(experience):
    learner = make_learner(num_epochs=1)
    agent = make_agent(learner, recurrent=False)
    batch = transitions(experience, recurrent=False)
    single = [[transition] for transition in range(PLAYS * STEPS)]
    by_hand = {first: update_by_hand(agent, batch, parts) for first, parts in halves(single)}
    shuffles = set()
    for result in results(learner, agent, experience, jax.random.split(jax.random.key(2), 6)):
        distances = {first: np.abs(result - expected).max() for first, expected in by_hand.items()}
        first = min(distances, key=distances.get)
        np.testing.assert_allclose(result, by_hand[first], rtol=2e-4, atol=2e-5)
        shuffles.add(first)
    assert len(shuffles) > 4


@pytest.mark.parametrize("recurrent", [True, False])
def test_weights_count_a_play_as_often_as_they_say_and_of_all_1_change_nothing(
    experience, recurrent
):
    """A play of weight 0 is as good as not played, and one of weight 2 as played twice."""
    learner = make_learner(num_epochs=1, num_minibatches=1)
    agent = make_agent(learner, recurrent=recurrent)
    weigh = eqx.filter_jit(
        lambda played, weights: learner.update(
            agent, *played, weights=weights, key=jax.random.key(0)
        )
    )
    trajectory, estimates = experience
    chosen = jnp.array([0, 2, 2, 3])
    pick = lambda tree: jax.tree.map(lambda leaf: leaf[:, chosen], tree)  # noqa: E731
    picked = dataclasses.replace(pick(trajectory), last_values=trajectory.last_values[chosen])
    weights = jnp.broadcast_to(0.7 * jnp.array([1.0, 0.0, 2.0, 1.0]), (STEPS, PLAYS))
    pairs = [
        (weigh(experience, None), weigh(experience, jnp.ones((STEPS, PLAYS)))),
        (weigh((picked, pick(estimates)), None), weigh(experience, weights)),
    ]
    for one, other in pairs:
        for leaf, same in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(leaf, same, rtol=1e-5, atol=1e-6)
    assert abs(pairs[0][0][1]["loss"] - pairs[1][0][1]["loss"]) > 1e-3


def test_weights_of_0_and_parts_of_a_gradient_go_together(experience):
    """Parts of a minibatch count by their weight; without any at all nothing is learned."""
    learner = make_learner(num_epochs=1)
    agent = make_agent(learner, recurrent=True)
    in_parts = dataclasses.replace(learner, num_accumulation_steps=2)
    weights = jnp.asarray(np.random.default_rng(4).integers(0, 3, (STEPS, PLAYS)), jnp.float32)
    weigh = eqx.filter_jit(
        lambda learner, weights: learner.update(
            agent, *experience, weights=weights, key=jax.random.key(5)
        )
    )
    whole, parts = weigh(learner, weights), weigh(in_parts, weights)
    for leaf, same in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(leaf, same, rtol=1e-4, atol=1e-5)
    unmoved, metrics = weigh(learner, 0 * weights)
    assert eqx.tree_equal(unmoved.network, agent.network)
    assert metrics["grad_norm"] == 0


def test_a_metric_of_an_update_is_not_0_here(experience):
    """Or the tests above would not see it."""
    learner = make_learner()
    agent = make_agent(learner, recurrent=True)
    _, metrics = update(learner, agent, experience, jax.random.split(jax.random.key(1), 24))
    for name in METRICS:
        assert np.abs(metrics[name]).min() > 1e-3, name
    assert metrics["clip_fraction"].max() < 1


def test_an_update_is_counted_and_explains_variance_by_hand(experience):
    """Of all value heads together, by the values that the plays were made with."""
    learner = make_learner()
    agent = make_agent(learner, recurrent=True)
    agents, metrics = update(learner, agent, experience, jax.random.split(jax.random.key(1), 24))
    assert agents.num_updates.tolist() == [1] * 24
    assert make_learner(num_epochs=3).gradient_steps_per_update == 3 * MINIBATCHES
    trajectory, estimates = experience
    targets, values = np.asarray(estimates.targets), np.asarray(trajectory.values)
    unexplained = np.var(targets - values) / np.var(targets)
    np.testing.assert_allclose(metrics["explained_variance"], 1 - unexplained, rtol=1e-5)
    assert abs(1 - unexplained) > 0.01


@pytest.mark.parametrize("bootstrap_truncated", [False, True])
def test_estimates_are_those_by_hand_for_every_play_and_value_head(experience, bootstrap_truncated):
    trajectory, _ = experience
    truncation_values = None
    if bootstrap_truncated:
        values = normal(np.random.default_rng(8), STEPS, PLAYS, HEADS)
        truncation_values = jnp.where(trajectory.truncated[..., None], values, 0.0)
    trajectory = eqx.tree_at(
        lambda t: t.truncation_values, trajectory, truncation_values, is_leaf=lambda x: x is None
    )
    estimates = eqx.filter_jit(make_learner().estimate)(trajectory)
    given = jax.tree.map(np.asarray, trajectory)
    discount, decay = 0.9, 0.9 * 0.6
    for play, head in itertools.product(range(PLAYS), range(HEADS)):
        advantage, next_value = 0.0, given.last_values[play, head]
        for step in reversed(range(STEPS)):
            if given.truncated[step, play] or given.terminated[step, play]:
                advantage, next_value = 0.0, 0.0
                if bootstrap_truncated and given.truncated[step, play]:
                    next_value = given.truncation_values[step, play, head]
            value = given.values[step, play, head]
            surprise = given.rewards[step, play] + discount * next_value - value
            advantage, next_value = surprise + decay * advantage, value
            place = (step, play, head)
            np.testing.assert_allclose(estimates.advantages[place], advantage, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(
                estimates.targets[place], advantage + value, rtol=1e-4, atol=1e-5
            )
