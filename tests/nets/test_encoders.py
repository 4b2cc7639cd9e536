"""Encoders: the convolution is one, and inputs that do not fit are refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Maze
from minimax_eqx.nets import DesignEncoder, FlatEncoder, GridEncoder


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
    with pytest.raises(ValueError, match="position_scale is 0; give it at least 1"):
        GridEncoder.create(spec, position_scale=0, key=getkey())


def test_a_scale_for_a_position_that_is_not_there_is_refused(getkey):
    with pytest.raises(ValueError, match="position_scale is 13, and the observation has no"):
        GridEncoder.create(Maze().observation_spec(), position_scale=13, key=getkey())


def test_a_view_of_another_size_is_refused(getkey):
    encoder = GridEncoder.create(Maze().observation_spec(), key=getkey())
    with pytest.raises(ValueError, match=r"views of shape \(5, 5, 3\)"):
        encoder(random_observation(Maze(view_size=7), getkey, (2,)))


def test_a_flat_encoder_takes_any_observation(getkey):
    spec = {"a": jax.ShapeDtypeStruct((2, 3), jnp.int32), "b": jax.ShapeDtypeStruct((), bool)}
    encoder = FlatEncoder.create(spec, output_size=4, key=getkey())
    observation = {"a": jnp.ones((5, 2, 3), jnp.int32), "b": jnp.zeros(5, bool)}
    assert encoder(observation).shape == (5, encoder.output_size) == (5, 4)


# What they are given, and what each lacks.
OTHER_WORLDS = {
    "an array": jax.ShapeDtypeStruct((4,), jnp.float32),
    "a dictionary": {"image": jax.ShapeDtypeStruct((5, 5, 3), jnp.uint8)},
    "an image without channels": eqx.tree_at(
        lambda spec: spec.image,
        Maze().observation_spec(),
        jax.ShapeDtypeStruct((5, 5), jnp.uint8),
    ),
}


@pytest.mark.parametrize("spec", OTHER_WORLDS.values(), ids=OTHER_WORLDS)
def test_an_observation_of_another_world_is_refused_with_what_is_read_and_what_would_fit(
    spec, getkey
):
    needed = r"reads observations with `image` \(rows x columns x channels\) and "
    with pytest.raises(ValueError, match=f"^GridEncoder {needed}`agent_dir`.*FlatEncoder"):
        GridEncoder.create(spec, key=getkey())
    with pytest.raises(ValueError, match=f"^DesignEncoder {needed}`time`.*FlatEncoder"):
        DesignEncoder.create(spec, num_steps=3, key=getkey())


@pytest.mark.parametrize(
    "observation",
    [jnp.ones((2, 3)), {"a": jnp.ones((5, 2, 3))}, {"a": jnp.ones((5, 4)), "b": jnp.ones(5)}],
)
def test_a_flat_encoder_refuses_other_numbers_than_it_was_made_for(observation, getkey):
    spec = {"a": jax.ShapeDtypeStruct((2, 3), jnp.int32), "b": jax.ShapeDtypeStruct((), bool)}
    encoder = FlatEncoder.create(spec, key=getkey())
    with pytest.raises(ValueError, match=r"made for observations of shapes \(\(2, 3\), \(\)\)"):
        encoder(observation)


SIZES = {
    "num_filters": lambda key: GridEncoder.create(
        Maze().observation_spec(), num_filters=0, key=key
    ),
    "output_size": lambda key: FlatEncoder.create(
        jax.ShapeDtypeStruct((4,), jnp.float32), output_size=0, key=key
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_size_below_1_is_refused(name, getkey):
    with pytest.raises(ValueError, match=f"{name} is 0; give it at least 1"):
        SIZES[name](getkey())


def test_an_observation_without_numbers_is_refused(getkey):
    with pytest.raises(ValueError, match="no numbers in"):
        FlatEncoder.create(jax.ShapeDtypeStruct((0,), jnp.float32), key=getkey())
