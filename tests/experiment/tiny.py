"""The smallest runs: one configuration, compiled once, and the command line in a process."""

import csv
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys

import minimax_eqx as mx
from minimax_eqx._composition._draft import (
    differences,
    draft_of,
    made,
    matching,
    options_of,
    with_changes,
)
from minimax_eqx._folder._run_folder import EVENTS, RunFolder
from minimax_eqx.curricula import NCC, SamplingForLearnability
from minimax_eqx.envs import Maze
from minimax_eqx.experiment._ledger import SECONDS
from minimax_eqx.recipes import maze
from minimax_eqx.recipes._known import RECIPES

from ..states import arrays, assert_close, assert_same_state  # noqa: F401

SMALL = {
    **{"num_updates": 8, "log_every": 2, "checkpoint_every": 4},
    **{"height": 5, "width": 6, "max_episode_steps": 12, "num_walls": 6},
    **{"hidden_size": 8, "num_filters": 4, "head_size": 8, "num_epochs": 2},
    **{"num_levels": 2, "num_spare_levels": 3, "num_steps": 8},
    **{"mazes": (), "num_episodes": 1, "num_unseen_levels": 4},
}
EXPERIMENT = maze.dr(evaluate_every=0, **SMALL)
# What is less than here stays as it is.
LIMITS = {
    **{name: value for name, value in SMALL.items() if name != "mazes"},
    **{"evaluate_every": 0, "max_episode_steps": 6, "num_minibatches": 2},
    **{"capacity": 6, "num_edits": 2, "noise_dim": 2, "embedding_size": 4},
    **{"num_components": 2, "window": 8, "num_new_pairs": 4, "num_features": 4},
    **{"model_filters": 2, "model_size": 8},
    **{"num_candidates": 4, "num_plays": 2, "num_training_cycles": 4, "num_new_levels": 1},
}


# Without a report, which takes a while to draw.
train = functools.partial(mx.train, hooks=())
resume = functools.partial(mx.resume, hooks=())
TIME_COLUMNS = (*SECONDS, "steps_per_second")


def create(path):
    """The folder of a run that is begun and has computed nothing."""
    folder = RunFolder(path)
    with folder.begun(EXPERIMENT):
        return folder


def experiment(**changes):
    """The smallest experiment, with other values for some options."""
    return with_changes(EXPERIMENT, changes)


def tiny(experiment):
    """Any experiment at the sizes of these tests; its method stays as it is.

    Every episode ends within a cycle, so that every level gets a score.
    """
    on_mazes = isinstance(experiment.env, Maze)
    draft = draft_of(with_changes(experiment, {"mazes": ()} if on_mazes else {}))
    for option in options_of(draft):
        limit = LIMITS.get(option.field.name, option.value)
        is_number = type(option.value) in (int, float)
        option.draft.values[option.field.name] = (
            min(option.value, limit) if is_number else option.value
        )
    if isinstance(experiment.curriculum, NCC | SamplingForLearnability):
        draft.values["curriculum"].values["capacity"] = 3
    return made(draft)


def words_of(changes):
    """What the command line says for values of options."""
    words = []
    for name, value in changes.items():
        words += [f"--{name.replace('_', '-')}"]
        words += map(str, value if isinstance(value, tuple) else [value])
    return words


OPTIONS = words_of(SMALL)


def command_line_options(experiment, recipe):
    """How the command line makes an experiment of a recipe's."""
    return words_of(differences(draft_of(experiment), draft_of(RECIPES[recipe]())))


def change_config(path, **changes):
    """Edits config.json, options by their short names."""
    content = json.loads((path / "config.json").read_text())
    options = list(options_of(draft_of(EXPERIMENT)))
    for name, value in changes.items():
        [option] = matching(name.replace("__", "."), options)
        *way, last = option.path.split(".")
        part = functools.reduce(lambda part, name: part[name], way, content["experiment"])
        part[last] = value
    (path / "config.json").write_text(json.dumps(content))


def rows(path):
    """metrics.csv as text, without the columns that hold times."""
    with open(pathlib.Path(path) / "metrics.csv", newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in TIME_COLUMNS}
            for row in csv.DictReader(file)
        ]


def evaluation_in(path):
    """evaluation.json without the time that was spent."""
    content = json.loads((pathlib.Path(path) / "evaluation.json").read_text())
    for name in SECONDS:
        del content["ledger"][name]
    return content


def files(path):
    """The content of every file below a folder, but for the diary, which only grows."""
    found = [file for file in path.rglob("*") if file.is_file() and file.name != EVENTS]
    return {file: file.read_bytes() for file in found}


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
