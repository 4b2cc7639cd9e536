"""Networks give what the reference's networks give, weight for weight."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import MazeObservation
from minimax_eqx.nets import (
    LSTM,
    MLP,
    ActorCritic,
    Dense,
    Feedforward,
    GridEncoder,
    LSTMCarry,
)

from ..conftest import GOLDEN

GATES = "ifgo"
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def lstm_from(arrays, prefix):
    return LSTM(
        input_weight=jnp.concatenate([arrays[f"{prefix}W_x_{g}"] for g in GATES], axis=1),
        recurrent_weight=jnp.concatenate([arrays[f"{prefix}W_h_{g}"] for g in GATES], axis=1),
        bias=jnp.concatenate([arrays[f"{prefix}b_h_{g}"] for g in GATES]),
    )


def student_from(arrays, prefix):
    def head(name):
        def layer(part):
            weight, bias = (jnp.asarray(arrays[f"{prefix}{name}_{part}_{x}"]) for x in "Wb")
            return Dense(weight, bias)

        return MLP((layer("hidden0"),), layer("out"))

    encoder = GridEncoder(
        kernel=jnp.asarray(arrays[f"{prefix}conv_W"]).reshape(27, -1),
        bias=jnp.asarray(arrays[f"{prefix}conv_b"]),
        embedding=jnp.asarray(arrays[f"{prefix}embedding"]),
        image_shape=(5, 5, 3),
        position_scale=None,
    )
    lstm = f"{prefix}lstm_W_x_i" in arrays
    core = lstm_from(arrays, f"{prefix}lstm_") if lstm else Feedforward(encoder.output_size)
    value = jax.tree.map(lambda x: x[None], head("value"))
    return ActorCritic(encoder, core, head("policy"), value)


def test_an_lstm_gives_the_reference_outputs_and_carry(golden):
    arrays = golden("recurrent")
    carry = LSTMCarry(*(jnp.asarray(arrays[f"lstm_initial_{x}"]) for x in "hc"))
    core = lstm_from(arrays, "lstm_")
    outputs, last = core.scan(
        jnp.asarray(arrays["rnn_inputs"]), carry, jnp.asarray(arrays["rnn_resets"])
    )
    np.testing.assert_allclose(outputs, arrays["lstm_outputs"], **CLOSE)
    np.testing.assert_allclose(last.hidden, arrays["lstm_final_h"], **CLOSE)
    np.testing.assert_allclose(last.cell, arrays["lstm_final_c"], **CLOSE)


@pytest.mark.parametrize("kind", ["lstm", "none"])
def test_a_student_gives_the_reference_logits_and_values(golden, kind):
    arrays = golden("networks_forward")
    prefix = f"student_{kind}__"
    network = student_from(arrays, prefix)
    image = np.round(arrays[f"{prefix}obs_image"] * 10).astype(np.uint8)
    direction = arrays[f"{prefix}obs_agent_dir"]
    observations = MazeObservation(jnp.asarray(image), jnp.asarray(direction), None)
    carry, resets = None, jnp.zeros(direction.shape, bool)
    if kind == "lstm":
        carry = LSTMCarry(*(jnp.asarray(arrays[f"{prefix}initial_{x}"]) for x in "hc"))
        resets = jnp.asarray(arrays[f"{prefix}reset"])
    predictions, carry = network.scan(observations, carry, resets)
    np.testing.assert_allclose(predictions.logits, arrays[f"{prefix}logits"], **CLOSE)
    np.testing.assert_allclose(predictions.values[..., 0], arrays[f"{prefix}value"], **CLOSE)
    if kind == "lstm":
        np.testing.assert_allclose(carry.hidden, arrays[f"{prefix}final_h"], **CLOSE)


@pytest.fixture(scope="module")
def network():
    env = Maze()

    @jax.jit
    def create(key):
        keys = jax.random.split(key, 3)
        encoder = GridEncoder.create(env.observation_spec(), key=keys[0])
        core = LSTM.create(encoder.output_size, 256, key=keys[1])
        return ActorCritic.create(encoder, core, env.num_actions, key=keys[2])

    return create(jax.random.key(0))


def test_the_student_has_as_many_parameters_as_the_reference(network):
    totals = json.loads((GOLDEN / "networks.json").read_text())["parameter_totals_13x13"]
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == totals["dr"]["student"] == 432_924


def test_weights_start_as_in_the_reference(network):
    def assert_orthonormal(matrix, gain=1.0):
        tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        gram = np.asarray(tall.T @ tall)
        np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-4)

    assert_orthonormal(network.encoder.kernel, gain=2**0.5)
    assert_orthonormal(network.encoder.embedding)
    for gate in jnp.split(network.core.input_weight, 4, axis=1):
        assert_orthonormal(gate)
    for gate in jnp.split(network.core.recurrent_weight, 4, axis=1):
        assert_orthonormal(gate)
    assert_orthonormal(network.policy.hidden[0].weight, gain=2**0.5)
    assert_orthonormal(network.value.hidden[0].weight[0], gain=2**0.5)
    assert_orthonormal(network.value.out.weight[0])
    np.testing.assert_allclose(network.policy.out.weight, 0.01)
    biases = (network.encoder.bias, network.core.bias, network.policy.out.bias)
    assert all((np.asarray(bias) == 0).all() for bias in biases)


def test_the_first_policy_is_uniform(network, getkey):
    observation = jax.tree.map(
        lambda s: jax.random.randint(getkey(), (6, *s.shape), 0, 4, s.dtype),
        Maze().observation_spec(),
    )
    predictions, _ = network.step(observation, network.initial_carry((6,)), jnp.zeros(6, bool))
    np.testing.assert_allclose(jax.nn.softmax(predictions.logits), 1 / 7, rtol=1e-5)
