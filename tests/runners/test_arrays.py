"""Numbers as they are written, and arrays as they are computed with."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Runner
from minimax_eqx.agents import Adam, OverSteps
from minimax_eqx.curricula import LevelReplay, Rank, Sequential
from minimax_eqx.runners._arrays import as_arrays, as_written

from .. import small
from ..small_methods import NAMES, experiment_of


def replay(value, rate=1e-3):
    """An experiment many of whose numbers are `value`."""
    curriculum = LevelReplay(
        small.GENERATOR,
        num_levels=2,
        capacity=4,
        schedule=Sequential(value),
        prioritisation=Rank(value),
        staleness_coef=value,
        min_fill_ratio=value,
    )
    numbers = ("discount", "gae_lambda", "clip_range", "value_loss_coef", "entropy_coef")
    return small.make_experiment(
        curriculum=curriculum,
        optimiser=Adam(
            rate, final_learning_rate=value, annealing=OverSteps(3), max_grad_norm=value
        ),
        core="feedforward",
        **dict.fromkeys(numbers, value),
    )


def test_every_float_becomes_an_array_of_single_precision_and_nothing_else_does():
    parts = (0.3, {"a": 2, "b": True, "c": "0.5", "d": None}, jnp.ones(2), Rank(0.5))
    number, plain, given, rank = as_arrays(parts)
    for array, value in ((number, 0.3), (rank.temperature, 0.5)):
        assert array.shape == ()
        assert array.dtype == jnp.float32
        assert not array.weak_type
        assert array == np.float32(value)
    assert plain == parts[1]
    assert [type(value) for value in plain.values()] == [int, bool, str, type(None)]
    assert given is parts[2]
    # What is an array already stays what it is.
    assert as_arrays(rank).temperature is rank.temperature


def test_runners_that_differ_in_floats_are_one_program(getkey):
    def program(*values):
        experiment = replay(*values)
        shapes = eqx.filter_eval_shape(
            lambda key: Runner.create(experiment, key=key), jax.random.key(0)
        )
        return eqx.partition(shapes, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))

    (one, static), (other, other_static) = program(0.25), program(0.5, 1e-2)
    assert eqx.tree_equal(static, other_static) is True
    assert not any(isinstance(leaf, float) for leaf in jax.tree.leaves(static))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    specs = [[(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(r)] for r in (one, other)]
    assert specs[0] == specs[1]


def test_a_sweep_gives_each_member_its_own_numbers(getkey):
    def make(key, value):
        return Runner.create(replay(value, value), key=key).experiment

    values = jnp.array([0.25, 0.5])
    swept = eqx.filter_jit(eqx.filter_vmap(make))(jax.random.split(getkey()), values)
    own = [leaf for leaf in jax.tree.leaves(swept) if eqx.is_array(leaf)]
    spread = [leaf for leaf in own if leaf[0] != leaf[1]]
    # All but Adam's epsilon and what is for actions that are numbers, which were not swept.
    assert len(spread) == len(own) - 2 == 12
    for leaf in spread:
        np.testing.assert_array_equal(leaf, values)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_comes_back_from_arrays(name):
    experiment = experiment_of(name)
    assert eqx.tree_equal(as_written(as_arrays(experiment)), experiment) is True


@pytest.mark.parametrize("value", [0.3, 1e-5, 0.995, 1e-4, 0.1 + 0.2, 3.0, 1e30, float("inf")])
def test_a_number_is_printed_as_it_was_written(value):
    assert as_written(as_arrays(value)) == pytest.approx(value, rel=1e-7)
    assert repr(as_written(as_arrays(Rank(0.7)))) == "Rank(temperature=0.7)"


def test_defaults_are_left_out_of_what_is_printed_and_arrays_stay():
    assert repr(as_written(as_arrays(Rank(0.3)))) == "Rank()"
    assert repr(as_written(as_arrays(Adam(max_grad_norm=None)))) == "Adam(max_grad_norm=None)"
    assert as_written(jnp.asarray(7)) == 7
    assert isinstance(as_written(jnp.asarray(7)), int)
    several = eqx.filter_vmap(Rank)(jnp.array([0.3, 0.3]))
    assert repr(as_written(several)) == "Rank(temperature=f32[2])"
    parts = as_written((as_arrays(Rank(0.3)), {"again": as_arrays(Rank(0.2))}))
    assert repr(parts) == "(Rank(), {'again': Rank(temperature=0.2)})"


def test_a_runner_is_printed_on_one_screen_and_its_tree_on_demand(getkey):
    runner = small.make_runner(getkey(), num_students=2)
    text = repr(runner)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100
    for part in (
        "env=Maze(height=5, width=6, max_episode_steps=12)",
        "optimiser=Adam(learning_rate=0.001)",
        "generator=RandomWalls(num_walls=6, replace=False)",
        "num_cycles=0",
    ):
        assert part in text
    for default in ("discount", "f32[", "i32[", "mesh", "num_trials", "view_size", "kernel="):
        assert default not in text
    assert "kernel=f32[2,27,4]" in eqx.tree_pformat(runner)


def test_shapes_and_consumed_runners_can_be_printed(getkey):
    runner = small.make_runner(getkey())
    assert "ShapeDtypeStruct" in repr(eqx.filter_eval_shape(lambda: runner))
    for leaf in jax.tree.leaves(eqx.filter(runner, eqx.is_array)):
        leaf.delete()
    assert "i32[]" in repr(runner)
