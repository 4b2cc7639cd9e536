"""A runner on two devices: the same results as on one, with a part of the work on each."""

import dataclasses
import pathlib
import socket
import subprocess
import sys

import equinox as eqx
import jax
import numpy as np
import pytest

from minimax_eqx import run
from minimax_eqx.curricula import AbstractCurriculum, DomainRandomisation, LevelReplay, Proposal
from minimax_eqx.runners import level_mesh

from .. import small, small_methods
from ..small_methods import NAMES
from ..states import arrays, assert_close, copied

NUM_CYCLES = 5
# Between them: shares of replayed levels and mutants, and of designs. `pytest -m slow` compares the
# others.
IN_EVERY_RUN = ("accel", "minimax")
# One of each kind of curriculum; what differs in others is computed by each device for itself.
BETWEEN_PROCESSES = ("dr-s5", "accel", "parallel-accel", "minimax", "repaired", "sfl", "ncc")


def runner_of(name):
    """A runner with levels for two devices to share; a level buffer is filled at once, so that
    levels are replayed within these cycles. One method plays in two rollouts."""
    experiment = small_methods.experiment_of(name, num_levels=4)
    if isinstance(experiment.curriculum, LevelReplay):
        experiment = small_methods.experiment_of(name, num_levels=4, capacity=8)
    if name == "minimax":
        experiment = dataclasses.replace(experiment, num_steps=4, rollouts_per_play=2)
    return small_methods.runner_of(experiment)


def compiled(runner):
    return run.lower(runner, 1).compile()


def after_cycles(runner):
    """The runner after some cycles, the metrics of each, and the program."""
    program, history = compiled(runner), []
    for _ in range(NUM_CYCLES):
        runner, metrics = program(runner, 1)
        history.append(metrics)
    return runner, {name: np.concatenate([m[name] for m in history]) for name in metrics}, program


def flops(program):
    return program.compiled.cost_analysis()["flops"]


@pytest.mark.parametrize(
    "name",
    [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in NAMES],
)
def test_two_devices_do_what_one_does(name):
    runner = runner_of(name)
    two, metrics_of_two, together = after_cycles(copied(runner).on(level_mesh(2)))
    one, metrics_of_one, alone = after_cycles(runner)
    assert int(one.students.num_updates[0]) >= 2
    assert_close(arrays(one), arrays(two.on(None)))
    # A ratio of two numbers near 0 where nothing was rewarded; rounding decides what it is.
    compared = {name for name in metrics_of_one if "explained_variance" not in name}
    both = (metrics_of_one, metrics_of_two)
    assert_close(*({name: metrics[name] for name in compared} for metrics in both))
    assert flops(together) < flops(alone)
    for leaf in jax.tree.leaves(eqx.filter((two, metrics_of_two), eqx.is_array)):
        assert isinstance(leaf, np.ndarray) or leaf.sharding.is_fully_replicated


def train_methods(folder, coordinator, process_id):
    """One of two processes, with one of the two devices: leaves each method's runner as a file."""
    jax.distributed.initialize(coordinator, num_processes=2, process_id=int(process_id))
    mesh = level_mesh(2)
    assert jax.process_count() == 2
    assert {device.process_index for device in mesh.devices.flat} == {0, 1}
    for name in BETWEEN_PROCESSES:
        runner, *_ = after_cycles(runner_of(name).on(mesh))
        np.savez(f"{folder}/{name}-{process_id}.npz", **arrays(runner.on(None)))


@pytest.fixture(scope="module")
def trained_in_two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    root = str(pathlib.Path(__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from tests.runners.test_mesh import train_methods; train_methods(*sys.argv[1:])"
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, folder, address, str(i)]) for i in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", BETWEEN_PROCESSES)
def test_two_processes_do_what_one_does(name, trained_in_two_processes):
    one, *_ = after_cycles(runner_of(name))
    assert int(one.students.num_updates[0]) >= 2
    for process_id in range(2):
        with np.load(trained_in_two_processes / f"{name}-{process_id}.npz") as two:
            assert_close(arrays(one), two)


def test_a_runner_moves_between_one_device_and_several():
    runner = small_methods.runner_of("dr")
    mesh = level_mesh(2)
    moved = runner.on(mesh)
    assert moved.mesh is mesh
    assert moved.key.sharding.num_devices == 2
    back = moved.on(None)
    assert back.mesh is None
    assert back.key.sharding.num_devices == 1
    assert jax.random.key_data(back.key).tolist() == jax.random.key_data(runner.key).tolist()
    assert eqx.tree_equal(back.students, runner.students)


def test_a_runner_on_a_mesh_goes_on_there_and_nothing_is_gathered():
    runner = small_methods.runner_of("dr").on(level_mesh())
    program = compiled(runner)
    # Gradients and metrics are summed; of levels and trajectories each device keeps its own.
    text = program.compiled.as_text()
    assert "all-reduce" in text
    assert not any(name in text for name in ("all-gather", "all-to-all", "collective-permute"))
    for _ in range(2):
        runner, metrics = program(runner, 1)
    assert runner.num_cycles == 2
    assert runner.key.sharding.num_devices == 2
    assert np.isfinite(metrics["loss"]).all()


class FirstOnly(AbstractCurriculum):
    """Lets the students learn from the first few levels alone."""

    levels_per_cycle: int = 8
    num_update_levels: int = 5

    def init(self, evidence, *, key):
        return None

    def propose(self, state, *, key):
        levels = small.sample_levels(key, self.levels_per_cycle)
        return state, Proposal(levels, num_update_levels=self.num_update_levels)

    def learn(self, state, proposal, evidence, *, key):
        return state, {}


def traced(key, **options):
    """A small runner's shapes, which are enough for it to be refused."""
    return eqx.filter_eval_shape(lambda key: small.make_runner(key, **options), key)


REFUSED = {
    "levels": (
        DomainRandomisation(small.GENERATOR, num_levels=3),
        "2 devices cannot share 3 levels equally; choose 2 or 4 levels, or 1 device",
    ),
    "levels to learn from": (
        FirstOnly(),
        "cannot share 5 levels to learn from equally; choose 4 or 6 levels to learn from",
    ),
}


@pytest.mark.parametrize(("curriculum", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_devices_cannot_share_equally_is_refused_at_construction(
    curriculum, message, getkey
):
    with pytest.raises(ValueError, match=message):
        traced(getkey(), curriculum=curriculum, mesh=level_mesh(2))


@pytest.mark.parametrize(
    ("num_devices", "message"),
    [
        (3, r"there are 2 of platform cpu; choose at most 2, or .*'jax_num_cpu_devices', 3"),
        (0, "choose at least 1"),
    ],
)
def test_devices_that_are_not_there_are_refused(num_devices, message):
    with pytest.raises(ValueError, match=message):
        level_mesh(num_devices)


def test_a_mesh_without_levels_is_refused(getkey):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
    with pytest.raises(ValueError, match="axes batch, and needs one named level"):
        traced(getkey(), mesh=mesh)
