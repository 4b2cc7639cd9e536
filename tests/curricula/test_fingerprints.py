"""Fingerprints: the same in every version, and different for different levels."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import _fingerprint
from minimax_eqx.envs.maze import MazeLevel

from .buffers import fingerprints_of

OF_ALL_TYPES = {
    "a": jnp.array([True, False]),
    "b": jnp.array([-1, 2], jnp.int32),
    "c": jnp.array([1.5, -0.0], jnp.float32),
    "d": jnp.array(7, jnp.uint8),
}


# Checkpoints hold fingerprints, so these numbers outlast every version of this package, of NumPy
# and of JAX. Where a change to them cannot be helped, runs that were saved before cannot go on.
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (jnp.zeros(3, jnp.uint32), [794101970, 1564193717]),
        (jnp.array([1, 0, 0], jnp.uint32), [4095858263, 649856990]),
        (jnp.arange(1000, dtype=jnp.uint32), [2597449744, 2517276044]),
        (MazeLevel.from_ascii(">#.\n..G"), [2985193427, 42825082]),
        (OF_ALL_TYPES, [4193764134, 2120740524]),
    ],
)
def test_fingerprints_never_change(level, expected):
    assert _fingerprint.fingerprint(_fingerprint.words(level)).tolist() == expected


def test_fingerprints_need_no_random_numbers(monkeypatch):
    monkeypatch.delattr(np.random, "default_rng")
    monkeypatch.setattr(jax.random, "bits", None)
    test_fingerprints_never_change(jnp.zeros(3, jnp.uint32), [794101970, 1564193717])


def test_mazes_that_differ_in_few_cells_have_different_fingerprints():
    pairs = np.array(list(itertools.combinations(range(169), 2)))
    levels = np.zeros((len(pairs), 169), bool)
    np.put_along_axis(levels, pairs, True, axis=1)
    prints = np.asarray(jax.jit(fingerprints_of)(jnp.asarray(levels)))
    assert len(np.unique(prints, axis=0)) == len(pairs)
    assert min(len(np.unique(half)) for half in prints.T) > len(pairs) - 10


def test_the_order_of_the_cells_counts():
    words = jax.random.bits(jax.random.key(0), (40,), jnp.uint32)
    shifted = jnp.stack([jnp.roll(words, shift) for shift in range(40)])
    prints = np.asarray(jax.vmap(_fingerprint.fingerprint)(shifted))
    assert len(np.unique(prints, axis=0)) == 40
