"""An actor-critic is put together of parts that fit, also of yours, or of none."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Box, Discrete, MultiDiscrete
from minimax_eqx.envs._actions import AbstractActionSpec
from minimax_eqx.nets import (
    GRU,
    LSTM,
    AbstractCell,
    AbstractCore,
    AbstractEncoder,
    AbstractHead,
    ActorCritic,
    ClippedNormal,
    FlatEncoder,
    MLPHead,
    NoMemory,
    SquashedNormal,
)
from minimax_eqx.nets._distributions import noise

TIME, BATCH = 7, 4
VECTOR = jax.ShapeDtypeStruct((3,), jnp.float32)


class Layers(AbstractEncoder):
    """Layers of Equinox for one observation."""

    size: int = 6

    def init(self, observation, *, key):
        linear = eqx.nn.Linear(observation.shape[0], self.size, key=key)
        return eqx.nn.Sequential([linear, eqx.nn.Lambda(jax.nn.relu), eqx.nn.LayerNorm(self.size)])


class Remembering(AbstractCore):
    """A memory of Equinox for one instance."""

    size: int = 5

    def init(self, input_size, *, key):
        cell_key, start_key = jax.random.split(key)
        cell = eqx.nn.GRUCell(input_size, self.size, key=cell_key)
        return RememberingWeights(cell, jax.random.normal(start_key, (self.size,)))


class RememberingWeights(AbstractCell):
    """Its first memory is learned, and it counts its steps."""

    cell: eqx.nn.GRUCell
    start: jax.Array

    def initial_memory(self):
        return self.start, jnp.zeros((), jnp.int32)

    def __call__(self, x, memory):
        hidden, num_steps = memory
        hidden = self.cell(x, hidden)
        return hidden * jnp.cos(num_steps), (hidden, num_steps + 1)


class Heads(AbstractHead):
    """A head of Equinox for one instance."""

    def init(self, input_size, output_size, *, output_init, key):
        del output_init
        return eqx.nn.MLP(input_size, output_size, width_size=4, depth=1, key=key)


YOURS = {
    "encoder": ActorCritic(Layers(), GRU(5)),
    "core": ActorCritic(FlatEncoder(6), Remembering()),
    "head": ActorCritic(FlatEncoder(6), LSTM(5), Heads(), num_value_heads=2),
    "all": ActorCritic(Layers(), Remembering(), Heads(), num_value_heads=2),
    "no memory": ActorCritic(Layers(), NoMemory()),
}
every_network = pytest.mark.parametrize("network", YOURS.values(), ids=YOURS)


def by_steps(policy, observations, memory, resets):
    def body(memory, inputs):
        predictions, memory = policy.step(inputs[0], memory, inputs[1])
        return memory, predictions

    memory, predictions = jax.lax.scan(body, memory, (observations, resets))
    return predictions, memory


def by_scan(policy, observations, memory, resets):
    return policy.scan(observations, memory, resets)


@pytest.fixture
def sequence(getkey):
    observations = jax.random.normal(getkey(), (TIME, BATCH, 3))
    return observations, jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH)).at[0].set(False)


@pytest.mark.slow
@every_network
def test_layers_for_one_instance_give_under_scan_what_they_give_step_by_step(
    network, sequence, getkey
):
    policy = network.init(VECTOR, Discrete(2), key=getkey())
    memory = policy.initial_memory((BATCH,))

    @eqx.filter_jit
    def outputs_and_gradients(run):
        @eqx.filter_value_and_grad(has_aux=True)
        def value(policy):
            predictions, last = run(policy, sequence[0], memory, sequence[1])
            total = jnp.sum(jnp.sin(predictions.values)) + jnp.sum(predictions.actions.entropy())
            return total + jnp.sum(predictions.actions.logits), (predictions, last)

        return value(policy)

    (_, (predictions, _)), gradients = found = outputs_and_gradients(by_scan)
    assert predictions.values.shape == (TIME, BATCH, network.num_value_heads)
    assert predictions.actions.logits.shape == (TIME, BATCH, 2)
    for ours, expected in zip(
        jax.tree.leaves(found), jax.tree.leaves(outputs_and_gradients(by_steps)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(gradients))
    # No axis but time.
    single, _ = policy.scan(sequence[0][:, 1], policy.initial_memory(), sequence[1][:, 1])
    np.testing.assert_allclose(single.values, predictions.values[:, 1], rtol=1e-4, atol=1e-5)


def test_a_reset_starts_a_cell_from_its_first_memory(sequence, getkey):
    policy = YOURS["core"].init(VECTOR, Discrete(2), key=getkey())
    resets = jnp.zeros((TIME, BATCH), bool).at[3].set(True)
    whole, (_, num_steps) = policy.scan(sequence[0], policy.initial_memory((BATCH,)), resets)
    none = jnp.zeros((TIME - 3, BATCH), bool)
    rest, _ = policy.scan(sequence[0][3:], policy.initial_memory((BATCH,)), none)
    np.testing.assert_allclose(whole.values[3:], rest.values, rtol=1e-5, atol=1e-6)
    assert num_steps.tolist() == [TIME - 3] * BATCH


def test_a_network_that_holds_functions_can_be_mapped_and_carried_through_a_loop(sequence, getkey):
    network = YOURS["all"]
    policies = eqx.filter_vmap(lambda key: network.init(VECTOR, Discrete(2), key=key))(
        jax.random.split(getkey(), 3)
    )
    observations, resets = sequence

    @eqx.filter_jit
    @eqx.filter_vmap(in_axes=(eqx.if_array(0),))
    def train(policy):
        arrays, static = eqx.partition(policy, eqx.is_inexact_array)

        def body(arrays, _):
            def value(arrays):
                policy = eqx.combine(arrays, static)
                predictions, _ = policy.scan(observations, policy.initial_memory((BATCH,)), resets)
                return jnp.mean((predictions.values - 1) ** 2)

            loss, gradient = jax.value_and_grad(value)(arrays)
            return jax.tree.map(lambda x, g: x - 0.01 * g, arrays, gradient), loss

        return jax.lax.scan(body, arrays, length=5)[1]

    losses = train(policies)
    assert losses.shape == (3, 5)
    assert np.all(losses[:, -1] < losses[:, 0])


@pytest.mark.parametrize("core", [NoMemory(), LSTM(4), Remembering()])
def test_a_policy_says_whether_it_has_a_memory(core, getkey):
    policy = ActorCritic(core=core).init(VECTOR, Discrete(2), key=getkey())
    assert policy.has_memory == (not isinstance(core, NoMemory))
    assert policy.has_memory == bool(jax.tree.leaves(policy.initial_memory()))


MASKED = {"seen": VECTOR, "action_mask": jax.ShapeDtypeStruct((3,), bool)}


@pytest.mark.parametrize(
    ("actions", "observation", "box"),
    [
        (Discrete(3), VECTOR, ClippedNormal()),
        (Discrete(3, masked=True), MASKED, ClippedNormal()),
        (MultiDiscrete((2, 4)), VECTOR, ClippedNormal()),
        (Box(-1.0, 3.0), VECTOR, ClippedNormal()),
        (Box(-1.0, (1.0, 3.0), (2,)), VECTOR, ClippedNormal()),
        (Box(-1.0, 1.0, (2, 3)), VECTOR, SquashedNormal()),
    ],
    ids=str,
)
def test_a_network_acts_with_actions_of_any_kind(actions, observation, box, getkey):
    policy = ActorCritic(core=GRU(4), box=box).init(observation, actions, key=getkey())
    observations = jax.tree.map(lambda s: jnp.zeros((TIME, BATCH, *s.shape), s.dtype), observation)
    if observation is MASKED:
        observations["action_mask"] = jnp.ones((TIME, BATCH, 3), bool).at[..., 1].set(False)
    resets = jnp.zeros((TIME, BATCH), bool)
    predictions, _ = policy.scan(observations, policy.initial_memory((BATCH,)), resets)
    distribution = predictions.actions
    taken = distribution.sample(noise(actions, (TIME, BATCH), key=getkey()))
    for action in (taken, distribution.mode()):
        for index in np.ndindex(TIME, BATCH):
            actions.check(action[index])
    if observation is MASKED:
        assert not np.any(taken == 1)
    for measured in (
        distribution.log_prob(taken),
        distribution.entropy(),
        distribution.kl(distribution),
    ):
        assert measured.shape == (TIME, BATCH)
        assert np.all(np.isfinite(measured))


class Odd(AbstractActionSpec):
    """Actions of a kind that nobody knows."""

    def sample(self, key):
        return jnp.zeros(())

    def check(self, action):
        pass

    def examples(self):
        return jnp.zeros(1)


class Matrix(AbstractEncoder):
    """Makes something else than a vector."""

    def init(self, observation, *, key):
        return eqx.nn.Lambda(lambda x: x[:, None])


@pytest.mark.parametrize(
    ("network", "observation", "actions", "message"),
    [
        (ActorCritic(), VECTOR, Odd(), "actions are .*Odd.*must be Discrete, MultiDiscrete or Box"),
        (
            ActorCritic(),
            VECTOR,
            Discrete(3, masked=True),
            r"must have an `action_mask` of bool and shape \(3,\); it has none",
        ),
        (ActorCritic(), MASKED, Discrete(4, masked=True), r"it has one of bool and shape \(3,\)"),
        (
            ActorCritic(Matrix()),
            VECTOR,
            Discrete(2),
            r"Matrix.init .* one vector .*shape=\(3, 1\)",
        ),
    ],
)
def test_what_a_network_cannot_read_or_do_is_refused(
    network, observation, actions, message, getkey
):
    with pytest.raises(ValueError, match=message):
        network.init(observation, actions, key=getkey())


def test_noise_for_actions_of_an_unknown_kind_is_refused(getkey):
    with pytest.raises(ValueError, match="must be Discrete, MultiDiscrete or Box"):
        noise(Odd(), (), key=getkey())


@pytest.mark.parametrize(
    ("part", "field", "value", "least"),
    [
        (ActorCritic, "num_value_heads", 0, "at least 1"),
        (MLPHead, "head_size", 0, "at least 1"),
        (MLPHead, "num_layers", -1, "at least 0"),
        (ClippedNormal, "initial_std", 0.0, "positive"),
        (SquashedNormal, "initial_std", float("nan"), "positive"),
    ],
)
def test_a_number_out_of_range_is_refused(part: Any, field, value, least):
    with pytest.raises(ValueError, match=f"{part.__name__}.{field} is {value}; it must be {least}"):
        part(**{field: value})


def test_a_network_prints_as_it_is_written():
    network = ActorCritic(core=LSTM(8), num_value_heads=2)
    assert "core=LSTM(hidden_size=8)" in str(network)
    assert not jax.tree.leaves(eqx.filter(network, eqx.is_array))
