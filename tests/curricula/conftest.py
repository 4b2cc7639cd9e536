import jax
import jax.numpy as jnp
import numpy as np
import pytest

from .buffers import LEVEL_SPEC, Stored, fingerprints_of, levels_of


@pytest.fixture(scope="module")
def fill():
    """A function that makes a buffer whose levels have the given ids and scores."""
    prints = jax.jit(fingerprints_of)

    def fill(scores, ids=None, ages=None, filled=None, **options):
        size = len(scores)
        filled = np.ones(size, bool) if filled is None else np.asarray(filled, bool)
        levels = levels_of(np.arange(1, size + 1) if ids is None else ids)
        scores = np.where(filled, np.asarray(scores, np.float32), -np.inf)
        buffer = Stored.empty(LEVEL_SPEC, size, **{"record": jnp.array(-jnp.inf)} | options)
        return buffer.replace(
            levels=jax.tree.map(jnp.asarray, levels),
            fingerprints=prints(levels),
            scores=jnp.asarray(scores, jnp.float32),
            ages=jnp.asarray(np.zeros(size) if ages is None else ages, jnp.int32),
            filled=jnp.asarray(filled),
        )

    return fill
