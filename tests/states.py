"""States of anything, compared array by array."""

import equinox as eqx
import jax
import numpy as np


def arrays(state):
    """All arrays of a state by name; keys as their data."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(state, eqx.is_array))
    return {
        jax.tree_util.keystr(path): np.asarray(
            jax.random.key_data(leaf)
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else leaf
        )
        for path, leaf in leaves
    }


def assert_same_state(one, other):
    """Every array has the same bits, shape and type in both."""
    one, other = arrays(one), arrays(other)
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype, name
        assert array.shape == other[name].shape, name
        assert array.tobytes() == other[name].tobytes(), name


def assert_close(one, other, tolerance=1e-5):
    """Arrays by name, the same in both up to the order in which numbers are added up."""
    assert set(one) == set(other)
    for name, array in one.items():
        if array.dtype.kind == "f":
            options = {"rtol": tolerance, "atol": tolerance, "err_msg": name}
            np.testing.assert_allclose(other[name], array, **options)
        else:
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def copied(tree):
    """Running consumes a runner; this one can be kept."""
    return jax.tree.map(lambda x: x.copy() if eqx.is_array(x) else x, tree)
