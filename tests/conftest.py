"""Set-up shared by all tests: strict JAX, two CPU devices, fresh keys."""

import os
import pathlib
import shutil
import tempfile

from .xla_flags import xla_flags

os.environ["XLA_FLAGS"] = xla_flags()

# Many tests compile the same programs, some in processes of their own.
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ.get(
    "JAX_COMPILATION_CACHE_DIR"
) or tempfile.mkdtemp(prefix="minimax_eqx-compiled-")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"

import equinox as eqx
import jax
import numpy as np
import pytest

from minimax_eqx._composition._parts import import_all

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Tests of all parts of a kind find them among the classes that are imported.
import_all()

GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture
def getkey():
    """A function that gives a new key at every call, the same sequence in every run."""
    state = jax.random.key(20231122)

    def getkey():
        nonlocal state
        state, key = jax.random.split(state)
        return key

    return getkey


@pytest.fixture(scope="session")
def golden():
    """A function that loads a file of reference data as a dictionary of arrays."""

    def load(name):
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    return load


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """Drops the programs of each file after it: every one holds memory maps, of which a process may
    have only so many, and XLA crashes when there are none left."""
    yield
    eqx.clear_caches()
    jax.clear_caches()


def pytest_unconfigure(config):
    """The first process removes what it and its workers have compiled."""
    folder = pathlib.Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    if not hasattr(config, "workerinput") and folder.name.startswith("minimax_eqx-compiled-"):
        shutil.rmtree(folder, ignore_errors=True)
