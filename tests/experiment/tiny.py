"""The smallest runs: one configuration, compiled once, and the command line in a process."""

import csv
import dataclasses
import os
import pathlib
import shlex
import subprocess
import sys

import equinox as eqx
import jax
import numpy as np

from minimax_eqx.experiment import Config
from minimax_eqx.experiment.config import (
    CurriculumConfig,
    EnvConfig,
    EvaluationConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
)

CONFIG = Config(
    num_updates=8,
    log_every=2,
    checkpoint_every=4,
    env=EnvConfig(height=5, width=6, max_episode_steps=12),
    levels=LevelsConfig(num_walls=6),
    network=NetworkConfig(hidden_size=8, num_filters=4, head_size=8),
    ppo=PPOConfig(num_epochs=2),
    curriculum=CurriculumConfig(num_levels=2, num_spare_levels=3, num_steps=8),
    evaluation=EvaluationConfig(mazes=(), num_episodes=1, num_unseen_levels=4),
)
# How the command line says the same.
OPTIONS = shlex.split("""
    --num-updates 8 --log-every 2 --checkpoint-every 4 --height 5 --width 6
    --max-episode-steps 12 --num-walls 6 --hidden-size 8 --num-filters 4 --head-size 8
    --num-epochs 2 --num-levels 2 --num-spare-levels 3 --num-steps 8 --num-episodes 1
    --num-unseen-levels 4 --mazes
""")
TIME_COLUMNS = ("seconds_compiling", "seconds_running", "steps_per_second")


def config(**changes):
    """The smallest configuration, with other values for some options of its first level."""
    return dataclasses.replace(CONFIG, **changes)


def rows(path):
    """metrics.csv as text, without the columns that hold times."""
    with open(pathlib.Path(path) / "metrics.csv", newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in TIME_COLUMNS}
            for row in csv.DictReader(file)
        ]


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


def files(path):
    """The content of every file below a folder."""
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def launch(*arguments, cwd, code=None):
    """A new process with the command line (or `code`), which shares compiled programs with others
    of this session."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "minimax_eqx.cli"])]
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(pathlib.Path(cwd).parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
