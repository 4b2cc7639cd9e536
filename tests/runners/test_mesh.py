"""A runner on two devices: the same results as on one, with a part of the work on each."""

import equinox as eqx
import jax
import numpy as np
import pytest

from minimax_eqx import run
from minimax_eqx.curricula import AbstractCurriculum, DomainRandomisation, Proposal
from minimax_eqx.runners import level_mesh

from .. import small, small_methods


def compiled(runner):
    return run.lower(runner, 1).compile()


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
