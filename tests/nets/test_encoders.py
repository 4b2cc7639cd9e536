"""Encoders: the convolution is one, and inputs that do not fit are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Maze
from minimax_eqx.nets import FlatEncoder, GridEncoder


def random_observation(env, getkey, batch):
    return jax.tree.map(
        lambda s: jax.random.randint(getkey(), (*batch, *s.shape), 0, 4, s.dtype),
        env.observation_spec(),
    )


def test_the_convolution_is_that_of_lax(getkey):
    env = Maze(view_size=7)
    encoder = GridEncoder.create(env.observation_spec(), num_filters=8, key=getkey())
    observation = random_observation(env, getkey, (4,))
    expected = jax.lax.conv_general_dilated(
        observation.image.astype(jnp.float32) / 10,
        encoder.kernel.reshape(3, 3, 3, 8),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    features = encoder(observation)
    assert features.shape == (4, encoder.output_size)
    np.testing.assert_allclose(
        features[:, : 5 * 5 * 8], jax.nn.relu(expected).reshape(4, -1), rtol=1e-5, atol=1e-6
    )


def test_a_position_is_appended_scaled(getkey):
    env = Maze(include_position=True)
    spec = env.observation_spec()
    encoder = GridEncoder.create(spec, position_scale=13, key=getkey())
    observation = random_observation(env, getkey, (2, 5))
    features = encoder(observation)
    assert features.shape == (2, 5, 151)
    np.testing.assert_allclose(features[..., -2:], observation.agent_pos / 13, rtol=1e-6)
    with pytest.raises(ValueError, match="position_scale"):
        GridEncoder.create(spec, key=getkey())


def test_a_view_of_another_size_is_refused(getkey):
    encoder = GridEncoder.create(Maze().observation_spec(), key=getkey())
    with pytest.raises(ValueError, match=r"views of shape \(5, 5, 3\)"):
        encoder(random_observation(Maze(view_size=7), getkey, (2,)))


def test_a_flat_encoder_takes_any_observation(getkey):
    spec = {"a": jax.ShapeDtypeStruct((2, 3), jnp.int32), "b": jax.ShapeDtypeStruct((), bool)}
    encoder = FlatEncoder.create(spec, output_size=4, key=getkey())
    observation = {"a": jnp.ones((5, 2, 3), jnp.int32), "b": jnp.zeros(5, bool)}
    assert encoder(observation).shape == (5, encoder.output_size) == (5, 4)
