"""A cache of compiled programs for all runs of these tests, and one finished run."""

import shutil

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from minimax_eqx.experiment import Progressed

from .tiny import EXPERIMENT, train

CACHE = {
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": 0,
}


@pytest.fixture(scope="package", autouse=True)
def compiled(tmp_path_factory):
    """Every call of `start` compiles; here it finds the program that an earlier one compiled."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    options = {"jax_compilation_cache_dir": str(folder), **CACHE}
    before = {name: getattr(jax.config, name) for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


class Recorder:
    """A hook that keeps what it is told."""

    def __init__(self):
        self.events, self.rows = [], []

    def __call__(self, event):
        self.events.append(type(event))
        if isinstance(event, Progressed):
            self.rows.append(event.row)


@pytest.fixture(scope="package")
def finished(tmp_path_factory):
    """A run of 8 cycles with checkpoints of cycles 4 and 8, and what a hook was told."""
    recorder = Recorder()
    outcome = train(EXPERIMENT, tmp_path_factory.mktemp("finished") / "run", hooks=[recorder])
    return outcome, recorder


@pytest.fixture
def run_path(finished, tmp_path):
    """A copy of the finished run, to be broken."""
    return shutil.copytree(finished[0].folder.path, tmp_path / "run")
