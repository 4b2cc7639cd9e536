"""Networks give what the reference's networks give, weight for weight."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Discrete, Maze
from minimax_eqx.envs.maze._maze import MazeObservation
from minimax_eqx.nets import LSTM, S5, ActorCritic, GridEncoder
from minimax_eqx.nets._action_head import CategoricalHead
from minimax_eqx.nets._actor_critic import ActorCriticWeights
from minimax_eqx.nets._dense import Dense
from minimax_eqx.nets._grid_encoder import GridEncoderWeights
from minimax_eqx.nets._gru import GRUWeights
from minimax_eqx.nets._head import MLP
from minimax_eqx.nets._lstm import LSTMMemory, LSTMWeights
from minimax_eqx.nets._no_memory import Passthrough
from minimax_eqx.nets._s5 import S5Dynamics
from minimax_eqx.nets._state_space import (
    GatedActivation,
    LayerNorm,
    StateSpaceBlock,
    StateSpaceStack,
)

from ..conftest import GOLDEN

GATES = "ifgo"
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def lstm_from(arrays, prefix):
    return LSTMWeights(
        input_weight=jnp.concatenate([arrays[f"{prefix}W_x_{g}"] for g in GATES], axis=1),
        recurrent_weight=jnp.concatenate([arrays[f"{prefix}W_h_{g}"] for g in GATES], axis=1),
        bias=jnp.concatenate([arrays[f"{prefix}b_h_{g}"] for g in GATES]),
    )


def gru_from(arrays, prefix):
    def gates(name):
        return jnp.concatenate([arrays[f"{prefix}{name}_{gate}"] for gate in "rzn"], axis=-1)

    return GRUWeights(
        gates("W_x"), gates("W_h"), gates("b_x"), jnp.asarray(arrays[f"{prefix}b_h_n"])
    )


def s5_from(arrays, prefix, activation, norm, projection=None):
    def layer(index):
        start = f"{prefix}layer{index}_"
        names = [name.removeprefix(start) for name in arrays if name.startswith(start)]
        layer = {name: jnp.asarray(arrays[start + name]) for name in names}
        dynamics = S5Dynamics(
            lambda_re=layer["Lambda_re"],
            lambda_im=layer["Lambda_im"],
            B=layer["B"],
            C=layer["C"],
            D=layer["D"],
            log_step=layer["log_step"].reshape(-1),
        )
        value, gate = (
            Dense(layer[f"{out}_W"], layer[f"{out}_b"]) if f"{out}_W" in layer else None
            for out in ("out1", "out2")
        )
        scaled = "norm_scale" in layer
        layer_norm = LayerNorm(layer["norm_scale"], layer["norm_bias"]) if scaled else None
        gated = GatedActivation(value, gate, activation)
        return StateSpaceBlock(dynamics, gated, layer_norm, norm)

    num_layers = sum(f"{prefix}layer{index}_D" in arrays for index in range(8))
    return StateSpaceStack(projection, tuple(layer(index) for index in range(num_layers)))


def s5_memory(arrays, prefix, suffix=""):
    """The recorded complex states, one array per layer, as real parts beside imaginary parts."""
    names = (f"{prefix}layer{index}{suffix}" for index in range(8))
    states = (arrays[name] for name in names if name in arrays)
    return tuple(jnp.concatenate([state.real, state.imag], axis=-1) for state in states)


def student_from(arrays, prefix):
    def dense(name):
        return Dense(*(jnp.asarray(arrays[f"{prefix}{name}_{x}"]) for x in "Wb"))

    def head(name):
        return MLP((dense(f"{name}_hidden0"),), dense(f"{name}_out"))

    encoder = GridEncoderWeights(
        kernel=jnp.asarray(arrays[f"{prefix}conv_W"]).reshape(27, -1),
        bias=jnp.asarray(arrays[f"{prefix}conv_b"]),
        embedding=jnp.asarray(arrays[f"{prefix}embedding"]),
        image_shape=(5, 5, 3),
    )
    core = Passthrough()
    if f"{prefix}lstm_W_x_i" in arrays:
        core = lstm_from(arrays, f"{prefix}lstm_")
    elif f"{prefix}gru_W_x_r" in arrays:
        core = gru_from(arrays, f"{prefix}gru_")
    elif f"{prefix}pre_s5_W" in arrays:
        core = s5_from(arrays, f"{prefix}s5_", "half_glu1", "post", dense("pre_s5"))
    value = jax.tree.map(lambda x: x[None], head("value"))
    to_actions = CategoricalHead(Discrete(7))
    return ActorCriticWeights(encoder, core, head("policy"), value, to_actions)


def test_an_lstm_gives_the_reference_outputs_and_memory(golden):
    arrays = golden("recurrent")
    memory = LSTMMemory(*(jnp.asarray(arrays[f"lstm_initial_{x}"]) for x in "hc"))
    core = lstm_from(arrays, "lstm_")
    outputs, last = core.scan(
        jnp.asarray(arrays["rnn_inputs"]), memory, jnp.asarray(arrays["rnn_resets"])
    )
    np.testing.assert_allclose(outputs, arrays["lstm_outputs"], **CLOSE)
    np.testing.assert_allclose(last.hidden, arrays["lstm_final_h"], **CLOSE)
    np.testing.assert_allclose(last.cell, arrays["lstm_final_c"], **CLOSE)


def test_a_gru_gives_the_reference_outputs(golden):
    arrays = golden("recurrent")
    outputs, last = gru_from(arrays, "gru_").scan(
        jnp.asarray(arrays["rnn_inputs"]),
        jnp.asarray(arrays["gru_initial_h"]),
        jnp.asarray(arrays["rnn_resets"]),
    )
    np.testing.assert_allclose(outputs, arrays["gru_outputs"], **CLOSE)
    np.testing.assert_allclose(last, arrays["gru_final_h"], **CLOSE)


@pytest.mark.parametrize("index", range(6))
def test_an_s5_stack_gives_the_reference_outputs_and_states(golden, index):
    arrays = golden("recurrent")
    prefix = f"s5c{index}_"
    norm = str(arrays[f"{prefix}layernorm_pos"]).lower()
    core = s5_from(arrays, prefix, str(arrays[f"{prefix}activation"]), norm)
    outputs, last = core.scan(
        jnp.asarray(arrays["s5_inputs"]),
        s5_memory(arrays, prefix, "_initial_state"),
        jnp.asarray(arrays["s5_resets"]),
    )
    assert len(core.blocks) == arrays[f"{prefix}meta"][2]
    np.testing.assert_allclose(outputs, arrays[f"{prefix}outputs"], **CLOSE)
    expected = s5_memory(arrays, prefix, "_final_state")
    for state, expected_state in zip(last, expected, strict=True):
        np.testing.assert_allclose(state, expected_state, **CLOSE)


@pytest.mark.parametrize(("width", "num_blocks"), [(256, 2), (256, 1), (16, 2)])
def test_the_modes_of_s5_start_as_in_the_reference(golden, width, num_blocks, getkey):
    arrays = golden("recurrent")
    dynamics = S5Dynamics.create(width, num_blocks, key=getkey())
    prefix = f"hippo_{width}_{num_blocks}_Lambda"
    # The recorded ones come from an eigensolver in single precision.
    np.testing.assert_allclose(dynamics.lambda_re, arrays[f"{prefix}_re"], rtol=1e-3)
    np.testing.assert_allclose(dynamics.lambda_im, arrays[f"{prefix}_im"], rtol=1e-3)


@pytest.mark.parametrize("kind", ["lstm", "gru", "s5", "none"])
def test_a_student_gives_the_reference_logits_and_values(golden, kind):
    arrays = golden("networks_forward")
    prefix = f"student_{kind}__"
    network = student_from(arrays, prefix)
    image = np.round(arrays[f"{prefix}obs_image"] * 10).astype(np.uint8)
    direction = arrays[f"{prefix}obs_agent_dir"]
    observations = MazeObservation(jnp.asarray(image), jnp.asarray(direction), None)

    def recorded_memory(when):
        if kind == "lstm":
            return LSTMMemory(*(jnp.asarray(arrays[f"{prefix}{when}_{x}"]) for x in "hc"))
        if kind == "s5":
            return s5_memory(arrays, f"{prefix}{when}_")
        return jnp.asarray(arrays[f"{prefix}{when}_h"]) if kind == "gru" else None

    memory = recorded_memory("initial")
    resets = jnp.asarray(arrays.get(f"{prefix}reset", np.zeros(direction.shape, bool)))
    predictions, memory = network.scan(observations, memory, resets)
    np.testing.assert_allclose(predictions.actions.logits, arrays[f"{prefix}logits"], **CLOSE)
    np.testing.assert_allclose(predictions.values[..., 0], arrays[f"{prefix}value"], **CLOSE)
    expected = jax.tree.leaves(recorded_memory("final"))
    for leaf, expected_leaf in zip(jax.tree.leaves(memory), expected, strict=True):
        np.testing.assert_allclose(leaf, expected_leaf, **CLOSE)


STUDENT = ActorCritic(GridEncoder(), LSTM())


def initial(network, key):
    observation = Maze().observation_spec()
    return eqx.filter_jit(lambda key: network.init(observation, Discrete(7), key=key))(key)


@pytest.fixture(scope="module")
def network():
    return initial(STUDENT, jax.random.key(0))


def test_the_student_has_as_many_parameters_as_the_reference(network):
    totals = json.loads((GOLDEN / "networks.json").read_text())["parameter_totals_13x13"]
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == totals["dr"]["student"] == 432_924
    s5_student = eqx.filter_eval_shape(initial, ActorCritic(GridEncoder(), S5()), jax.random.key(0))
    size = sum(leaf.size for leaf in jax.tree.leaves(s5_student))
    assert size == totals["s5_dr"]["student"] == 451_612


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


def test_the_weights_of_s5_start_as_in_the_reference(getkey):
    core = jax.jit(lambda key: S5().init(149, key=key))(getkey())
    weight = core.projection.weight
    np.testing.assert_allclose(weight @ weight.T, np.eye(149), atol=1e-4)
    for block in core.blocks:
        dynamics = block.dynamics
        # The columns of the basis have norm 1, so that the parts of B share the variance of B0.
        np.testing.assert_allclose(jnp.sum(dynamics.B**2, axis=-1).mean(), 1 / 256, rtol=0.02)
        np.testing.assert_allclose(jnp.std(dynamics.C), 1 / 256, rtol=0.02)
        np.testing.assert_allclose(jnp.std(dynamics.D), 1.0, rtol=0.2)
        np.testing.assert_allclose(jnp.std(block.gate.gate.weight), 1 / 16, rtol=0.02)
        steps = jnp.exp(dynamics.log_step)
        np.testing.assert_allclose((steps.min(), steps.max()), (0.001, 0.1), rtol=0.2)
        np.testing.assert_array_equal(block.layer_norm.scale, 1)
        np.testing.assert_array_equal(block.layer_norm.bias, 0)


def test_the_first_policy_is_uniform(network, getkey):
    observation = jax.tree.map(
        lambda s: jax.random.randint(getkey(), (6, *s.shape), 0, 4, s.dtype),
        Maze().observation_spec(),
    )
    predictions, _ = network.step(observation, network.initial_memory((6,)), jnp.zeros(6, bool))
    np.testing.assert_allclose(jax.nn.softmax(predictions.actions.logits), 1 / 7, rtol=1e-5)
