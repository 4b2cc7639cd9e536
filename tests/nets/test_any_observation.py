"""Encoders of images, and the one that reads observations of any form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._patches import _by_patches, pool
from minimax_eqx.envs import Maze
from minimax_eqx.nets import FlatEncoder, TreeEncoder
from minimax_eqx.nets._impala_encoder import ImpalaEncoder
from minimax_eqx.nets._nature_encoder import NatureEncoder

SPEC = {
    "picture": jax.ShapeDtypeStruct((36, 40, 3), jnp.uint8),
    "grid": jax.ShapeDtypeStruct((5, 4, 2), jnp.uint8),
    "map": jax.ShapeDtypeStruct((3, 3, 2), jnp.bool_),
    "direction": jax.ShapeDtypeStruct((), jnp.uint8),
    "speed": jax.ShapeDtypeStruct((3,), jnp.float32),
    "count": jax.ShapeDtypeStruct((2, 2), jnp.int32),
}
SMALL = TreeEncoder(NatureEncoder(6), output_size=4, embedding_size=2, num_filters=3)


def drawn(spec, getkey, batch=()):
    def draw(leaf):
        high = 2 if leaf.dtype == jnp.bool_ else 200
        return jax.random.randint(getkey(), (*batch, *leaf.shape), 0, high).astype(leaf.dtype)

    return jax.tree.map(draw, spec)


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (4, 2), (3, 1), (3, 2)])
def test_patches_give_the_convolution_and_its_gradients(size, stride, getkey):
    images = jax.random.normal(getkey(), (2, 13, 10, 2))
    kernel = jax.random.normal(getkey(), (size, size, 2, 3))

    def lax(images, kernel):
        layout = ("NHWC", "HWIO", "NHWC")
        strides = (stride, stride)
        return jax.lax.conv_general_dilated(
            images, kernel, strides, "VALID", dimension_numbers=layout
        )

    got, got_pull = jax.vjp(lambda *args: _by_patches(*args, stride=stride), images, kernel)
    expected, pull = jax.vjp(lax, images, kernel)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    for one, other in zip(got_pull(expected), pull(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(5, 4), (1, 2)])
def test_pooling_is_that_of_lax(shape, getkey):
    images = jax.random.normal(getkey(), (2, *shape, 3))
    expected = jax.lax.reduce_window(
        images, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), [(0, 0), (1, 1), (1, 1), (0, 0)]
    )
    np.testing.assert_array_equal(pool(images), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "spec"),
    [
        (NatureEncoder(4), SPEC["picture"]),
        (ImpalaEncoder((2, 3), 4), SPEC["grid"]),
        (SMALL, SPEC),
        (SMALL, Maze().observation_spec()),
    ],
)
def test_a_batch_is_encoded_as_each_of_it_alone_and_bytes_saturate_nothing(encoder, spec, getkey):
    weights = encoder.init(spec, key=getkey())
    observations = drawn(spec, getkey, (2, 3))
    together = eqx.filter_jit(weights)(observations)
    assert together.shape == (2, 3, 4)
    one = jax.tree.map(lambda leaf: leaf[1, 2], observations)
    np.testing.assert_allclose(together[1, 2], weights(one), rtol=1e-4, atol=1e-5)
    assert np.all(np.abs(together) < 30)


def test_codes_are_embedded_and_pictures_and_numbers_are_scaled(getkey):
    weights = SMALL.init(SPEC, key=getkey())
    encoders = dict(zip(sorted(SPEC), weights.encoders, strict=True))
    assert encoders["direction"].table.shape == (256, 2)
    np.testing.assert_array_equal(
        encoders["direction"](jnp.uint8(255)), encoders["direction"].table[255]
    )
    assert encoders["grid"].convolution.kernel.shape == (3, 3, 2 * 2, 3)
    assert encoders["map"].convolution.kernel.shape == (3, 3, 2, 3)
    symlog = encoders["speed"](jnp.array([0.0, np.e - 1, 1 - np.e]))
    np.testing.assert_allclose(symlog, [0, 1, -1], rtol=1e-6, atol=1e-6)
    white = jnp.full(SPEC["picture"].shape, 255, jnp.uint8)
    np.testing.assert_allclose(
        encoders["picture"](white), encoders["picture"](jnp.ones(white.shape)), rtol=1e-5
    )
    as_it_is = TreeEncoder(numbers="identity").init(SPEC["speed"], key=getkey())
    np.testing.assert_array_equal(as_it_is.encoders[0](jnp.arange(3.0)), jnp.arange(3.0))


def test_a_flat_encoder_divides_bytes_by_255(getkey):
    weights = FlatEncoder(4).init(jax.ShapeDtypeStruct((2,), jnp.uint8), key=getkey())
    bytes_ = jnp.array([255, 51], jnp.uint8)
    np.testing.assert_allclose(weights(bytes_), weights(jnp.array([1.0, 0.2])), rtol=1e-6)


WRONG = {
    "NatureEncoder needs images of at least 36 x 36": (NatureEncoder(), SPEC["grid"]),
    "ImpalaEncoder reads one array of rows .* TreeEncoder": (ImpalaEncoder(), SPEC),
    "TreeEncoder: there are no numbers": (TreeEncoder(), {}),
    r"the observation has key<fry> at `\['a'\]`": (
        TreeEncoder(),
        {"a": jax.eval_shape(lambda: jax.random.key(0))},
    ),
}


@pytest.mark.parametrize(("message", "case"), WRONG.items(), ids=WRONG)
def test_an_observation_that_cannot_be_read_is_refused(message, case, getkey):
    encoder, spec = case
    with pytest.raises(ValueError, match=message):
        encoder.init(spec, key=getkey())


def test_numbers_that_make_no_encoder_are_refused(getkey):
    with pytest.raises(ValueError, match=r"filters is \(16, 0\)"):
        ImpalaEncoder((16, 0))
    weights = SMALL.init(SPEC["speed"], key=getkey())
    with pytest.raises(ValueError, match=r"made for observations of shapes \(\(3,\),\)"):
        weights(jnp.zeros(4))
