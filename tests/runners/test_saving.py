"""A runner that was saved in one of the usual ways is the runner that it was."""

import pickle

import equinox as eqx
import jax
import optax
import pytest

try:
    import cloudpickle
except ImportError:  # not a package that the tests ask for
    cloudpickle = None

from minimax_eqx import run
from minimax_eqx.agents import Optax
from minimax_eqx.runners import level_mesh
from minimax_eqx.runners._arrays import as_written
from minimax_eqx.runners._saving import load, save

from .. import small
from ..small_methods import runner_of
from ..states import assert_same_state


def through_a_file(runner, folder):
    return load(save(folder / "runner.npz", runner), eqx.filter_eval_shape(lambda: runner))


def through_its_own_methods(runner, folder):
    runner.save(folder / "runner.npz")
    return eqx.filter_eval_shape(lambda: runner).load(folder / "runner.npz")


def through_pickle(runner, folder):
    return pickle.loads(pickle.dumps(runner))


def through_cloudpickle(runner, folder):
    return cloudpickle.loads(cloudpickle.dumps(runner))


WAYS = [through_its_own_methods, through_pickle]
if cloudpickle is not None:
    WAYS.append(through_cloudpickle)


@pytest.mark.parametrize("name", ["accel", "paired", "dr-s5"])
def test_a_saved_runner_has_the_same_bits_and_the_same_program(name, tmp_path):
    runner = runner_of(name)
    for way in WAYS:
        loaded = way(runner, tmp_path)
        assert_same_state(loaded, runner)
        # Equal static parts: it runs in the program that was compiled for the other.
        rest, expected = (eqx.filter(r, eqx.is_array, inverse=True) for r in (loaded, runner))
        assert eqx.tree_equal(rest, expected) is True
        assert jax.tree.structure(loaded) == jax.tree.structure(runner)


def test_a_saved_runner_trains_on_as_the_other_does(tmp_path):
    runner, _ = run(runner_of("dr"), 1)
    copies = [way(runner, tmp_path) for way in WAYS]
    expected, _ = run(runner, 1)
    for copy in copies:
        assert_same_state(run(copy, 1)[0], expected)


def test_a_key_of_another_kind_is_saved_too(tmp_path):
    runner = {"key": jax.random.key(3, impl="rbg"), "number": 2.5}
    assert_same_state(through_a_file(runner, tmp_path), runner)


def test_a_learner_with_an_optimiser_of_optax_survives_cloudpickle():
    pytest.importorskip("cloudpickle")
    learner = small.make_learner(optimiser=Optax(optax.adam(1e-3)))
    loaded = cloudpickle.loads(cloudpickle.dumps(learner))
    assert repr(as_written(loaded)) == repr(as_written(learner))


def test_a_runner_on_a_mesh_says_how_it_can_be_pickled():
    runner = runner_of("dr").on(level_mesh(2))
    with pytest.raises(TypeError, match=r"on a mesh cannot be pickled.*runner.on\(None\)"):
        pickle.dumps(runner)
    assert_same_state(through_pickle(runner.on(None), None), runner.on(None))
