"""Every method at the sizes of tests: it goes on from a file, as one of several members, on two
devices and in two processes.

Each method is compiled alone, as members, and for two devices, and all tests share what was played.
"""

import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Runner, run
from minimax_eqx.curricula import LevelReplay
from minimax_eqx.curricula._trust_region import MOVES
from minimax_eqx.runners import level_mesh, member, run_members
from minimax_eqx.runners._saving import load, save

from ..small_methods import NAMES, experiment_of
from ..states import arrays, assert_close, copied

NUM_CYCLES, SAVED_AFTER = 6, 3
# It has shares of new levels, replayed ones and mutants. `-m slow` is for the others.
IN_EVERY_RUN = ("accel",)
# One of each kind of curriculum: with a teacher, with a search, and with a model.
OF_EACH_KIND = ("repaired", "minimax", "sfl", "ncc", "traced")
# What differs in others is computed by each device for itself.
BETWEEN_PROCESSES = ("dr-s5", "parallel-accel", "repaired", "sfl", "ncc")
PATIENCE = 300  # seconds
# Of narrow distributions over a box: small differences of logarithms that are large.
SMALL_DIFFERENCES = ("level_entropy", *MOVES)
assert not set(BETWEEN_PROCESSES) & set(IN_EVERY_RUN)  # they take long


def marked(of_others):
    """Every method; those of no kind of their own with that mark."""
    marks = {
        **dict.fromkeys(NAMES, of_others),
        **dict.fromkeys(OF_EACH_KIND, pytest.mark.slow),
        **dict.fromkeys(IN_EVERY_RUN, ()),
    }
    return [pytest.param(name, marks=marks[name]) for name in NAMES]


def method(name):
    """An experiment with levels for two devices to share; a level buffer is filled at once, so that
    levels are replayed within these cycles. One method plays in two rollouts."""
    experiment = experiment_of(name, num_levels=4)
    if isinstance(experiment.curriculum, LevelReplay):
        experiment = experiment_of(name, num_levels=4, capacity=8)
    if name == "minimax":
        experiment = dataclasses.replace(experiment, num_steps=4, rollouts_per_play=2)
    return experiment


def members_of(name):
    make = eqx.filter_vmap(lambda key: Runner.create(method(name), key=key))
    return eqx.filter_jit(make)(jax.random.split(jax.random.key(1)))


class Played(NamedTuple):
    """A method alone: its runner before, saved on the way and after, and what the cycles gave."""

    name: str
    before: Runner
    file: pathlib.Path
    after: dict[str, np.ndarray]
    metrics: dict[str, np.ndarray]
    program: Any


@pytest.fixture(scope="module", params=marked(pytest.mark.slow))
def played(request, tmp_path_factory):
    name = request.param
    runner = member(members_of(name), 1)
    before, program, metrics = copied(runner), run.lower(runner, 1).compile(), []
    file = tmp_path_factory.mktemp(name) / "runner.npz"
    for cycle in range(NUM_CYCLES):
        if cycle == SAVED_AFTER:
            save(file, runner)
        runner, of_cycle = program(runner, 1)
        metrics.append(of_cycle)
    together = {name: np.concatenate([m[name] for m in metrics]) for name in metrics[0]}
    return Played(name, before, file, arrays(runner), together, program)


def test_a_method_goes_on_from_a_file(played):
    runner = load(played.file, played.before)
    assert runner.num_cycles == SAVED_AFTER
    for _ in range(NUM_CYCLES - SAVED_AFTER):
        runner, _ = played.program(runner, 1)
    resumed = arrays(runner)
    assert resumed.keys() == played.after.keys()
    for place, array in played.after.items():
        assert array.tobytes() == resumed[place].tobytes(), place
    assert jnp.any(played.metrics["updated"][SAVED_AFTER:] > 0)


in_devices_and_members = pytest.mark.parametrize(
    "played", marked(pytest.mark.exhaustive), indirect=True
)


@in_devices_and_members
def test_a_method_is_trained_as_a_member(played):
    members = members_of(played.name)
    for _ in range(NUM_CYCLES):
        members, _ = run_members(members, 1)
    # Within a loop over members some sums are rounded in another order.
    assert_close(arrays(member(members, 1)), played.after)


@in_devices_and_members
def test_two_devices_do_what_one_does(played, request):
    runner, metrics = copied(played.before).on(level_mesh(2)), []
    together = run.lower(runner, 1).compile()
    for _ in range(NUM_CYCLES):
        runner, of_cycle = together(runner, 1)
        metrics.append(of_cycle)
    assert_close(played.after, arrays(runner.on(None)))
    for key, values in played.metrics.items():
        # A ratio of two numbers near 0 where nothing was rewarded; rounding decides what it is.
        if "explained_variance" not in key:
            tolerance = 1e-3 if key in SMALL_DIFFERENCES else 1e-5
            on_two = np.concatenate([of_cycle[key] for of_cycle in metrics])
            assert_close({key: values}, {key: on_two}, tolerance)
    assert flops(together) < flops(played.program)
    for leaf in jax.tree.leaves(eqx.filter((runner, metrics), eqx.is_array)):
        assert isinstance(leaf, np.ndarray) or leaf.sharding.is_fully_replicated
    if played.name in BETWEEN_PROCESSES:
        folder = request.getfixturevalue("trained_in_two_processes")
        for process_id in range(2):
            with np.load(folder / f"{played.name}-{process_id}.npz") as two:
                assert_close(played.after, two)


def flops(program):
    return program.compiled.cost_analysis()["flops"]


def train_methods(folder, coordinator, process_id):
    """One of two processes, with one of the two devices: leaves each method's runner as a file."""
    jax.distributed.initialize(coordinator, num_processes=2, process_id=int(process_id))
    mesh = level_mesh(2)
    assert jax.process_count() == 2
    assert {device.process_index for device in mesh.devices.flat} == {0, 1}
    for name in BETWEEN_PROCESSES:
        runner = member(members_of(name), 1).on(mesh)
        program = run.lower(runner, 1).compile()
        for _ in range(NUM_CYCLES):
            runner, _ = program(runner, 1)
        np.savez(f"{folder}/{name}-{process_id}.npz", **arrays(runner.on(None)))


@pytest.fixture(scope="module")
def trained_in_two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    root = str(pathlib.Path(__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from tests.methods.test_every_method import train_methods; train_methods(*sys.argv[1:])"
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    # With one thread each, they come to the collective operations of a program in the same order.
    # XLA does not promise it for several, and two processes may then wait for each other for ever.
    env = {**os.environ, "NPROC": "1"}
    words = [sys.executable, "-c", code, folder, address]
    processes = [subprocess.Popen([*words, str(i)], env=env) for i in range(2)]
    try:
        assert [process.wait(timeout=PATIENCE) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return folder
