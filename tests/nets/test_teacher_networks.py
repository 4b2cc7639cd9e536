"""The teacher's networks give what the reference's give, weight for weight."""

import json
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._design_projection import find_changes
from minimax_eqx._xla._windows import windows_of
from minimax_eqx.envs import Discrete
from minimax_eqx.envs.maze import MazeDesign
from minimax_eqx.envs.maze._editor import MazeDesignObservation, MazeEditor
from minimax_eqx.nets import LSTM, S5, ActorCritic, DesignEncoder
from minimax_eqx.nets._action_head import CategoricalHead
from minimax_eqx.nets._actor_critic import ActorCriticWeights
from minimax_eqx.nets._dense import Dense
from minimax_eqx.nets._design_encoder import DesignEncoderWeights
from minimax_eqx.nets._head import MLP
from minimax_eqx.nets._lstm import LSTMMemory, LSTMWeights
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


def without_prefix(arrays, prefix):
    chosen = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): jnp.asarray(array) for name, array in chosen.items()}


def dense_from(weights, name):
    return Dense(weights[f"{name}_W"], weights[f"{name}_b"])


def head_from(weights, name):
    return MLP((dense_from(weights, f"{name}_hidden0"),), dense_from(weights, f"{name}_out"))


def lstm_from(weights):
    def gates(name):
        return jnp.concatenate([weights[f"lstm_{name}_{gate}"] for gate in GATES], axis=-1)

    return LSTMWeights(gates("W_x"), gates("W_h"), gates("b_h"))


def s5_from(weights):
    def block(index):
        layer = without_prefix(weights, f"s5_layer{index}_")
        dynamics = S5Dynamics(
            lambda_re=layer["Lambda_re"],
            lambda_im=layer["Lambda_im"],
            B=layer["B"],
            C=layer["C"],
            D=layer["D"],
            log_step=layer["log_step"],
        )
        gate = GatedActivation(None, dense_from(layer, "out2"), "half_glu1")
        norm = LayerNorm(layer["norm_scale"], layer["norm_bias"])
        return StateSpaceBlock(dynamics, gate, norm, "pre")

    return StateSpaceStack(dense_from(weights, "pre_s5"), (block(0), block(1)))


def teacher_from(weights):
    encoder = DesignEncoderWeights(
        kernel=weights["conv_W"].reshape(27, -1),
        bias=weights["conv_b"],
        embedding=weights["embedding"],
        image_shape=weights["obs_image"].shape[-3:],
    )
    core = lstm_from(weights) if "lstm_W_x_i" in weights else s5_from(weights)
    value = jax.tree.map(lambda x: x[None], head_from(weights, "value"))
    to_actions = CategoricalHead(Discrete(169))
    return ActorCriticWeights(encoder, core, head_from(weights, "policy"), value, to_actions)


def memory_from(weights, when):
    if "lstm_W_x_i" in weights:
        return LSTMMemory(weights[f"{when}_h"], weights[f"{when}_c"])
    states = (weights[f"{when}_layer{index}"] for index in range(2))
    return tuple(jnp.concatenate([state.real, state.imag], axis=-1) for state in states)


@pytest.mark.parametrize("core", ["lstm", "s5"])
def test_a_teacher_gives_the_reference_logits_values_and_carry(golden, core):
    recorded = without_prefix(golden("networks_forward"), f"teacher_{core}__")
    network = teacher_from(recorded)
    image = jnp.round(recorded["obs_image"] * 10).astype(jnp.uint8)
    observations = MazeDesignObservation(
        image, recorded["obs_time"], recorded["obs_noise"], num_steps=len(recorded["embedding"])
    )
    memory = memory_from(recorded, "initial")
    predictions, last = network.scan(observations, memory, recorded["reset"])
    np.testing.assert_allclose(predictions.actions.logits, recorded["logits"], **CLOSE)
    np.testing.assert_allclose(predictions.values[..., 0], recorded["value"], **CLOSE)
    for ours, theirs in zip(
        jax.tree.leaves(last), jax.tree.leaves(memory_from(recorded, "final")), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, **CLOSE)

    def step(memory, inputs):
        predictions, memory = network.step(inputs[0], memory, inputs[1])
        return memory, predictions.actions.logits

    _, logits = jax.lax.scan(step, memory, (observations, recorded["reset"]))
    np.testing.assert_allclose(logits, recorded["logits"], **CLOSE)


@pytest.mark.parametrize(
    ("preset", "network"),
    [
        ("paired", ActorCritic(DesignEncoder(), LSTM())),
        ("s5_paired", ActorCritic(DesignEncoder(num_filters=32), S5())),
    ],
)
def test_a_teacher_has_as_many_parameters_as_the_reference(preset, network):
    totals = json.loads((GOLDEN / "networks.json").read_text())["parameter_totals_13x13"]
    observation = MazeEditor(design=MazeDesign(num_walls=60, noise_dim=50)).observation_spec()
    weights = eqx.filter_eval_shape(
        lambda key: network.init(observation, Discrete(169), key=key), jax.random.key(0)
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(weights)) == totals[preset]["teacher"]


def encoder_of(editor, key, **options):
    return DesignEncoder(**options).init(editor.observation_spec(), key=key)


def test_a_design_encoder_starts_as_in_the_reference():
    encoder = encoder_of(MazeEditor(), jax.random.key(0))
    # 27 taps and 128 filters: the rows are orthogonal; 62 times and 10 numbers: the columns.
    np.testing.assert_allclose(encoder.kernel @ encoder.kernel.T, 2 * np.eye(27), atol=1e-5)
    np.testing.assert_allclose(encoder.embedding.T @ encoder.embedding, np.eye(10), atol=1e-5)
    assert not np.any(encoder.bias)
    assert encoder.embedding.shape == (62, 10)


def random_observation(editor, getkey, batch):
    spec = editor.observation_spec()
    noise = spec.noise and jax.random.uniform(getkey(), (*batch, *spec.noise.shape))
    return MazeDesignObservation(
        image=jax.random.randint(getkey(), (*batch, *spec.image.shape), 0, 9, jnp.uint8),
        time=jax.random.randint(getkey(), batch, 0, editor.max_episode_steps),
        noise=noise,
        num_steps=editor.max_episode_steps,
    )


@pytest.mark.parametrize("noise_dim", [0, 3])
def test_the_features_are_the_convolution_the_time_and_the_noise(getkey, noise_dim):
    editor = MazeEditor(4, 6, MazeDesign(num_walls=5, noise_dim=noise_dim))
    encoder = encoder_of(editor, getkey(), num_filters=8, embedding_size=5)
    observation = random_observation(editor, getkey, (2, 3))
    convolved = jax.lax.conv_general_dilated(
        observation.image.reshape(6, 6, 8, 3).astype(jnp.float32) / 10,
        encoder.kernel.reshape(3, 3, 3, 8),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    expected = [jax.nn.relu(convolved).reshape(2, 3, -1), encoder.embedding[observation.time]]
    expected += [] if noise_dim == 0 else [observation.noise]
    features = encoder(observation)
    assert features.shape == (2, 3, 4 * 6 * 8 + 5 + noise_dim)
    np.testing.assert_allclose(features, jnp.concatenate(expected, axis=-1), rtol=1e-5, atol=1e-6)


def designs(editor, key, num_levels, num_steps):
    """What is seen while random actions design levels; leading axes `time level`."""
    blank_key, key = jax.random.split(key)
    world = jax.vmap(editor.blank)(jax.random.split(blank_key, num_levels))
    reset = jax.vmap(lambda world: editor.reset(world, key=key))

    def advance(state, key):
        action_key, key = jax.random.split(key)
        actions = jax.random.randint(action_key, (num_levels,), 0, editor.action_spec().num_actions)
        step = jax.vmap(lambda *args: editor.step(*args, key=key))(world, state, actions)
        return step.state, jax.vmap(editor.observe)(world, state)

    return jax.lax.scan(advance, reset(world), jax.random.split(key, num_steps))[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["design", "designs", "noise", "no_batch", "more_batch"])
def test_projecting_a_sequence_is_projecting_its_features(getkey, kind):
    editor = MazeEditor(5, 4, MazeDesign(num_walls=9, noise_dim=2, choose_direction=True))
    steps = editor.max_episode_steps
    if kind == "noise":
        observations = random_observation(editor, getkey, (steps, 24))
    else:
        observations = designs(editor, getkey(), 24, steps)
    if kind == "designs":
        # One episode after another, with a fresh start between them.
        again = designs(editor, getkey(), 24, steps)
        observations = jax.tree.map(lambda *x: jnp.concatenate(x), observations, again)
    if kind in ("no_batch", "more_batch"):
        batch = {"no_batch": (24,), "more_batch": (2, 12)}[kind]
        observations = jax.tree.map(lambda x: x.reshape(steps, *batch, *x.shape[2:]), observations)
        if kind == "no_batch":
            observations = jax.tree.map(lambda x: x[:, 0], observations)
    encoder = encoder_of(editor, getkey(), num_filters=4, embedding_size=3)
    bias = 0.1 * jax.random.normal(getkey(), encoder.bias.shape)
    encoder = eqx.tree_at(lambda encoder: encoder.bias, encoder, bias)
    if kind in ("design", "noise"):
        assert find_changes(windows_of(observations.image))[1] == (kind == "design")
    num_features = eqx.filter_eval_shape(encoder, observations).shape[-1]
    weight = jax.random.normal(getkey(), (num_features, 7))
    cotangent = jax.random.normal(getkey(), (*observations.time.shape, 7))

    def pull_back(project):
        @eqx.filter_jit
        def compute(encoder, weight):
            projected, pull = eqx.filter_vjp(project, encoder, weight)
            return projected, pull(cotangent)

        return compute(encoder, weight)

    expected = pull_back(lambda encoder, weight: encoder(observations) @ weight)
    given = pull_back(lambda encoder, weight: encoder.project(observations, weight))
    for ours, theirs in zip(jax.tree.leaves(given), jax.tree.leaves(expected), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_levels", [1, 32])
def test_there_is_room_for_the_changes_of_any_batch_of_designs(getkey, num_levels):
    editor = MazeEditor(design=MazeDesign(num_walls=40, choose_direction=True, noise_dim=0))
    observations = designs(editor, getkey(), num_levels, editor.max_episode_steps)
    changes, enough_room = find_changes(windows_of(observations.image))
    assert enough_room
    # Blocks that are in use come first, and only they are multiplied.
    in_use = np.any(changes.used, axis=1)
    assert in_use[: changes.num_used_blocks].all()
    assert not in_use[changes.num_used_blocks :].any()
    # Each row in use is another change.
    windows = np.broadcast_to(changes.window[:, None], changes.play.shape)
    used = np.stack([windows, changes.play])[:, np.asarray(changes.used)]
    assert np.unique(used, axis=1).shape == used.shape


def test_a_design_of_another_size_is_refused(getkey):
    editor = MazeEditor(4, 6, MazeDesign(num_walls=5))
    encoder = encoder_of(editor, getkey(), num_filters=8)
    other = random_observation(MazeEditor(6, 4, MazeDesign(num_walls=5)), getkey, (2,))
    with pytest.raises(ValueError, match=r"images of shape \(6, 8, 3\) and got \(8, 6, 3\)"):
        encoder(other)


def test_a_design_of_unknown_length_is_refused(getkey):
    class Timeless(NamedTuple):
        image: jax.ShapeDtypeStruct
        time: jax.ShapeDtypeStruct

    spec = MazeEditor().observation_spec()
    with pytest.raises(ValueError, match="the observation's num_steps is None"):
        DesignEncoder().init(Timeless(spec.image, spec.time), key=getkey())
