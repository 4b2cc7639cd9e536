"""Initialisers draw from the distributions they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.nets._dense import orthogonal


def draw(key, shape, count, gain=1.0):
    """`count` matrices, each with at least as many rows as columns."""
    drawn = jax.vmap(lambda key: orthogonal(gain)(key, shape))(jax.random.split(key, count))
    assert drawn.shape == (count, *shape)
    drawn = np.asarray(drawn, np.float64)
    return drawn if shape[0] >= shape[1] else np.swapaxes(drawn, 1, 2)


# Square ones can come out nearly singular.
@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((2, 2), 20_000),
        ((3, 3), 5000),
        ((64, 64), 200),
        ((256, 256), 8),
        ((4, 5), 50),
        ((32, 1), 9),
        ((256, 1), 2000),
        ((256, 16), 500),
        ((1, 300), 9),
    ],
)
def test_matrices_are_orthonormal(shape, count, getkey):
    drawn = draw(getkey(), shape, count, gain=2.0)
    gram = np.swapaxes(drawn, 1, 2) @ drawn
    np.testing.assert_allclose(gram, np.broadcast_to(4 * np.eye(min(shape)), gram.shape), atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 12), (400, 12)])
def test_an_orthogonal_matrix_is_the_polar_factor_of_a_normal_one(getkey, shape):
    key = getkey()
    drawn = np.asarray(jax.random.normal(key, shape), np.float64)
    left, _, right = np.linalg.svd(drawn, full_matrices=False)
    np.testing.assert_allclose(orthogonal()(key, shape), left @ right, atol=1e-5)


def test_square_matrices_are_uniform_over_rotations_and_reflections(getkey):
    drawn = draw(getkey(), (3, 3), 20_000)
    # Haar's moments: an entry is symmetric, with E x^2 = 1/3 and E x^4 = 1/5; half are reflections.
    np.testing.assert_allclose(np.mean(drawn, axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.mean(drawn**2, axis=0), 1 / 3, atol=0.02)
    np.testing.assert_allclose(np.mean(drawn**4, axis=0), 1 / 5, atol=0.02)
    # The trace of a uniform orthogonal matrix has mean 0 and variance 1.
    traces = np.trace(drawn, axis1=1, axis2=2)
    np.testing.assert_allclose([np.mean(traces), np.var(traces)], [0, 1], atol=0.05)
    np.testing.assert_allclose(np.mean(np.linalg.det(drawn)), 0, atol=0.03)


def test_the_same_key_gives_the_same_matrix_compiled_or_not(getkey):
    key = getkey()
    init = orthogonal()
    plain = init(key, (16, 16))
    np.testing.assert_allclose(jax.jit(lambda key: init(key, (16, 16)))(key), plain, atol=1e-5)
    assert plain.dtype == jnp.float32
