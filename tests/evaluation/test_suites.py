"""A suite that has no tests for a run's environment is refused before the run trains."""

import pytest

import minimax_eqx as mx
from minimax_eqx._composition._draft import with_changes
from minimax_eqx._composition._parts import Parts
from minimax_eqx._packages import PackageError
from minimax_eqx.envs import AbstractSuite

from ..experiment.tiny import tiny, train

SUITES = Parts().of((AbstractSuite,))
ON_MAZES, ON_PENDULUMS = tiny(mx.recipes.maze.dr()), tiny(mx.recipes.pendulum.dr())


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_for_another_world_is_refused_before_there_is_a_folder(name, tmp_path):
    elsewhere = ON_PENDULUMS if name == "held-out-mazes" else ON_MAZES
    with pytest.raises((ValueError, PackageError)):
        train(with_changes(elsewhere, {"suite": name}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
