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
    encoder = GridEncoder(num_filters=8).init(env.observation_spec(), key=getkey())
    observation = random_observation(env, getkey, (4,))
    expected = jax.lax.conv_general_dilated(
        observation.image.astype(jnp.float32) / 10,
        encoder.kernel.reshape(3, 3, 3, 8),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    features = encoder(observation)
    assert features.shape == (4, 5 * 5 * 8 + 5)
    np.testing.assert_allclose(
        features[:, : 5 * 5 * 8], jax.nn.relu(expected).reshape(4, -1), rtol=1e-5, atol=1e-6
    )


def test_a_position_is_appended(getkey):
    spec = Maze(height=9, include_position=True).observation_spec()
    encoder = GridEncoder().init(spec, key=getkey())
    observation = jax.tree.map(lambda s: jnp.ones((2, 5, *s.shape), s.dtype), spec)
    position = jax.random.uniform(getkey(), (2, 5, 2))
    features = encoder(eqx.tree_at(lambda seen: seen.agent_pos, observation, position))
    assert features.shape == (2, 5, 151)
    np.testing.assert_array_equal(features[..., -2:], position)


def test_a_view_of_another_size_is_refused(getkey):
    encoder = GridEncoder().init(Maze().observation_spec(), key=getkey())
    with pytest.raises(ValueError, match=r"images of shape \(5, 5, 3\)"):
        encoder(random_observation(Maze(view_size=7), getkey, (2,)))


def test_a_flat_encoder_takes_any_observation(getkey):
    spec = {"a": jax.ShapeDtypeStruct((2, 3), jnp.int32), "b": jax.ShapeDtypeStruct((), bool)}
    encoder = FlatEncoder(4).init(spec, key=getkey())
    observation = {"a": jnp.ones((5, 2, 3), jnp.int32), "b": jnp.zeros(5, bool)}
    assert encoder(observation).shape == (5, 4)


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
        GridEncoder().init(spec, key=getkey())
    with pytest.raises(ValueError, match=f"^DesignEncoder {needed}`time`.*FlatEncoder"):
        DesignEncoder().init(spec, key=getkey())


@pytest.mark.parametrize(
    "observation",
    [jnp.ones((2, 3)), {"a": jnp.ones((5, 2, 3))}, {"a": jnp.ones((5, 4)), "b": jnp.ones(5)}],
)
def test_a_flat_encoder_refuses_other_numbers_than_it_was_made_for(observation, getkey):
    spec = {"a": jax.ShapeDtypeStruct((2, 3), jnp.int32), "b": jax.ShapeDtypeStruct((), bool)}
    encoder = FlatEncoder().init(spec, key=getkey())
    with pytest.raises(ValueError, match=r"made for observations of shapes \(\(2, 3\), \(\)\)"):
        encoder(observation)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (GridEncoder, "num_filters"),
        (GridEncoder, "embedding_size"),
        (DesignEncoder, "num_filters"),
        (DesignEncoder, "embedding_size"),
        (FlatEncoder, "output_size"),
    ],
)
def test_a_size_below_1_is_refused(part, name):
    with pytest.raises(ValueError, match=f"{part.__name__}.{name} is 0; it must be at least 1"):
        part(**{name: 0})


def test_an_observation_without_numbers_is_refused(getkey):
    with pytest.raises(ValueError, match="no numbers in"):
        FlatEncoder().init(jax.ShapeDtypeStruct((0,), jnp.float32), key=getkey())
