"""The smallest runs: one configuration, compiled once, and the command line in a process."""

import csv
import dataclasses
import functools
import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys

import equinox as eqx
import jax
import numpy as np

from minimax_eqx import experiment
from minimax_eqx.experiment import Config
from minimax_eqx.experiment._options import (
    CurriculumConfig,
    EnvConfig,
    EvaluationConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
    SearchConfig,
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
# Without a report, which takes a while to draw.
train = functools.partial(experiment.train, hooks=())
resume = functools.partial(experiment.resume, hooks=())
TIME_COLUMNS = ("seconds_compiling", "seconds_running", "steps_per_second")


def config(**changes):
    """The smallest configuration, with other values for some options of its first level."""
    return dataclasses.replace(CONFIG, **changes)


def tiny(config):
    """Any configuration at the sizes of these tests; its method stays as it is.

    Every episode ends within a cycle, so that every level gets a score.
    """

    def at_most(group, **limits):
        return {name: min(getattr(group, name), limit) for name, limit in limits.items()}

    ppo, replay, network, teacher = config.ppo, config.replay, config.network, config.teacher
    widths = at_most(network, hidden_size=8, num_filters=4, head_size=8)
    small = dataclasses.replace(
        CONFIG,
        env=dataclasses.replace(CONFIG.env, max_episode_steps=6),
        levels=dataclasses.replace(config.levels, **at_most(config.levels, num_walls=6)),
        network=dataclasses.replace(network, **widths),
        ppo=dataclasses.replace(ppo, **at_most(ppo, num_epochs=2, num_minibatches=2)),
        curriculum=dataclasses.replace(config.curriculum, num_levels=2, num_steps=8),
    )
    if config.curriculum.method == "level-replay":
        limits = at_most(replay, buffer_capacity=6, num_edits=2)
        small = dataclasses.replace(small, replay=dataclasses.replace(replay, **limits))
    if config.curriculum.method == "sfl":
        search = SearchConfig(num_candidates=4, num_plays=2, num_kept=3, num_training_cycles=4)
        small = dataclasses.replace(small, search=search)
    if config.levels.generator == "teacher":
        limits = at_most(
            teacher,
            teacher_num_walls=4,
            noise_dim=2,
            teacher_hidden_size=8,
            teacher_num_filters=4,
            time_embedding_size=4,
            teacher_head_size=8,
            teacher_num_epochs=2,
        )
        small = dataclasses.replace(small, teacher=dataclasses.replace(teacher, **limits))
    return small


def command_line_options(config, base):
    """How the command line makes one configuration of another."""
    before = dict(_leaves(base.to_dict()))
    words = []
    for name, value in _leaves(config.to_dict()):
        if value != before[name]:
            words += [f"--{name.replace('_', '-')}"]
            words += map(str, value if isinstance(value, tuple) else [value])
    return words


def _leaves(groups):
    for name, value in groups.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value


def change_config(path, **changes):
    """Edits config.json; a name with two underscores is one of a group."""
    content = json.loads((path / "config.json").read_text())
    for name, value in changes.items():
        *group, option = name.split("__")
        (content["config"][group[0]] if group else content["config"])[option] = value
    (path / "config.json").write_text(json.dumps(content))


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


def assert_close(one, other):
    """Arrays by name, the same in both up to the order in which numbers are added up."""
    assert set(one) == set(other)
    for name, array in one.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(other[name], array, rtol=1e-5, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def files(path):
    """The content of every file below a folder."""
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def launch(*arguments, cwd, code=None):
    """A new process with the command line (or `code`), which shares compiled programs with others
    of this session."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "minimax_eqx"])]
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


def free_port():
    """A port of this machine that nothing listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
