"""Members of which the worst become copies of the best."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.maze import HeldOutMazes
from minimax_eqx.runners import (
    Evaluation,
    Setting,
    Tournament,
    member_mesh,
    run_tournament,
    swept_settings,
    tournament_step,
)
from minimax_eqx.runners._tournament import FEWEST, check_tournament

from ..small import make_experiment
from ..states import arrays, assert_same_state
from .test_members import RATES, stacked, take

RATE = "student.optimiser.learning_rate"
EVERY_2 = Tournament(every=2, num_levels=64)
step = eqx.filter_jit(tournament_step)


@functools.cache
def members():
    return stacked("dr")


def test_the_settings_of_a_sweep_are_the_floats_that_differ_each_with_its_range():
    [rate] = swept_settings(members())
    assert rate.name == RATE
    assert rate.low < 1e-6
    assert rate.high == np.inf
    discounts = jnp.array([0.5, 0.9, 0.99, 1.0])
    changed = eqx.tree_at(lambda r: r.experiment.student.discount, members(), discounts)
    [discount] = [s for s in swept_settings(changed) if s.name == "student.discount"]
    np.testing.assert_allclose(discount.high, 1, rtol=1e-6)


def test_the_worst_becomes_a_copy_of_the_best_with_dice_and_settings_of_its_own():
    settings = swept_settings(members())
    scores = jnp.array([0.5, 0.9, 0.1, 0.4])
    new, exchange = step(members(), scores, EVERY_2, settings, key=jax.random.key(1))
    np.testing.assert_array_equal(exchange.sources, [0, 1, 1, 3])
    assert_same_state(new.students, take(members().students, jnp.array([0, 1, 1, 3])))
    kept = jnp.array([0, 1, 3])
    assert_same_state(take(new, kept), take(members(), kept))
    keys = [tuple(key) for key in np.asarray(jax.random.key_data(new.key))]
    old = [tuple(key) for key in np.asarray(jax.random.key_data(members().key))]
    assert keys[2] not in old
    rate = float(exchange.settings[RATE][2])
    assert any(np.isclose(rate, factor * RATES[1]) for factor in (0.8, 1.25))
    assert new.experiment.student.optimiser.learning_rate[2] == rate


@pytest.mark.parametrize(
    ("scores", "sources"),
    [
        ([1.0, 2.0, jnp.nan, 0.0], [0, 1, 1, 3]),  # what is no number comes last
        ([1.0, 1.0, 1.0, 1.0], [0, 1, 2, 3]),  # nobody did better
        ([jnp.nan] * 4, [0, 1, 2, 3]),
    ],
)
def test_a_member_is_replaced_only_by_one_that_did_better(scores, sources):
    settings = (Setting(RATE, 0, 1e-9),)  # a range that every factor leaves
    _, exchange = step(members(), jnp.array(scores), EVERY_2, settings, key=jax.random.key(2))
    np.testing.assert_array_equal(exchange.sources, sources)
    np.testing.assert_array_equal(exchange.settings[RATE], RATES[np.array(sources)])


def test_of_eight_two_are_replaced_and_each_of_the_best_is_copied_once():
    eight = take(members(), jnp.arange(8) % 4)
    scores = jnp.array([0.0, 5, 1, 2, 3, 4, 6, 7])
    _, exchange = step(eight, scores, EVERY_2, (), key=jax.random.key(3))
    assert set(np.asarray(exchange.sources)[[0, 2]]) == {6, 7}
    assert exchange.settings == {}


def test_an_exchange_comes_before_the_next_cycles_and_not_after_the_last():
    settings = swept_settings(members())
    runners, _, first = run_tournament(stacked("dr"), 2, EVERY_2, settings=settings)
    assert not first.is_due.any()
    bad = jnp.array([False, False, True, False])
    spoilt = jax.tree.map(
        lambda x: (
            jnp.where(bad.reshape(-1, *(1,) * (x.ndim - 1)), jnp.nan, x)
            if eqx.is_inexact_array(x)
            else x
        ),
        runners.students,
    )
    runners = eqx.tree_at(lambda r: r.students, runners, spoilt)
    runners, metrics, second = run_tournament(runners, 2, EVERY_2, settings=settings)
    assert second.is_due.all()
    assert np.isnan(second.scores[0, 2])
    assert second.sources[0, 2] != 2
    np.testing.assert_array_equal(second.cycle, 2)
    assert metrics["loss"].shape == (4, 2)
    assert all(
        np.isfinite(a).all() for a in arrays(runners.students).values() if a.dtype.kind == "f"
    )


def unlike():
    """Members that soon play differently."""
    rate = lambda r: r.experiment.student.optimiser.learning_rate  # noqa: E731
    return eqx.tree_at(rate, stacked("dr"), jnp.array([1e-3, 0.3, 1e-2, 0.1]))


@pytest.mark.slow
def test_a_tournament_is_the_same_in_one_call_or_several_on_one_device_or_two():
    settings = swept_settings(unlike())
    one, metrics, exchanges = run_tournament(unlike(), 6, EVERY_2, settings=settings)
    np.testing.assert_array_equal(exchanges.is_due, [False, True, True])
    assert (np.asarray(exchanges.sources) != np.arange(4)).any()
    two = run_tournament(unlike(), 6, EVERY_2, member_mesh(2), settings=settings)
    assert two[0].key.sharding.num_devices == 2
    assert_same_state(two, (one, metrics, exchanges))
    for num_cycles in (1, 2):
        runners = unlike()
        for _ in range(6 // num_cycles):
            runners, _, _ = run_tournament(runners, num_cycles, EVERY_2, settings=settings)
        assert_same_state(runners, one)


TESTED = dataclasses.replace(
    make_experiment(), evaluation=Evaluation(HeldOutMazes(("PerfectMazeMedium",)))
)
PANEL = TESTED.evaluation.suite.panels(TESTED.env)["PerfectMazeMedium"][1]


@pytest.mark.parametrize(
    ("tournament", "experiment", "count", "settings", "message"),
    [
        (EVERY_2, TESTED, FEWEST - 1, (), "at least 4 members, and here are 3"),
        (EVERY_2, TESTED, 4, ("env.noise",), "env.noise differs among the members"),
        (EVERY_2, TESTED, 4, ("success_return",), "must play the same levels"),
        (EVERY_2, TESTED, 4, ("curriculum.generator.x",), "sweep it without a tournament"),
        (Tournament(2, generator=PANEL), TESTED, 4, (), "is the held-out test PerfectMazeMedium"),
    ],
)
def test_what_cannot_be_a_tournament_is_refused(tournament, experiment, count, settings, message):
    settings = tuple(Setting(name, 0, 1) for name in settings)
    with pytest.raises(ValueError, match=message):
        check_tournament(tournament, experiment, count, settings)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"every": 0}, "every is 0"),
        ({"share": 0.0}, "share is 0"),
        ({"share": 0.6}, "share is 0.6"),
        ({"factors": ()}, "at least one"),
        ({"factors": (0.8, -1.0)}, "factors is"),
        ({"generator": HeldOutMazes()}, "generator"),
    ],
)
def test_a_tournament_with_wrong_numbers_is_refused(fields, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Tournament(**{"every": 2, **fields})


def test_members_that_are_not_equally_far_are_refused():
    runners = eqx.tree_at(lambda r: r.num_cycles, members(), jnp.array([0, 0, 1, 0]))
    with pytest.raises(ValueError, match="have made 0, 0, 1, 0 cycles"):
        run_tournament(runners, 2, EVERY_2, settings=())
    with pytest.raises(ValueError, match="num_cycles is 3; it must be a multiple or a divisor"):
        run_tournament(members(), 3, EVERY_2, settings=())
