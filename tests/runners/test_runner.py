"""The training cycle."""

import dataclasses
import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import run
from minimax_eqx.curricula import AbstractCurriculum, DomainRandomisation, Proposal
from minimax_eqx.envs import AbstractLevelGenerator
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.runners._metrics import level_metrics

from ..small import ENV, GENERATOR, make_experiment, make_runner, sample_levels
from ..states import arrays, copied
from ..xla_flags import IF_KNOWN


class EveryOther(AbstractCurriculum):
    """Lets the students learn in every other cycle; its state counts cycles."""

    shape: tuple = ()  # of the evidence

    @property
    def levels_per_cycle(self):
        return 3

    def init(self, evidence, *, key):
        assert evidence.rewards.shape == self.shape
        return jnp.zeros((), jnp.int32)

    def propose(self, state, *, key):
        levels = sample_levels(key, self.levels_per_cycle)
        return state, Proposal(levels, update_students=state % 2 == 1, memory={"turn": state})

    def learn(self, state, proposal, evidence, *, key):
        assert evidence.rewards.shape == self.shape
        assert evidence.advantages.shape == (*self.shape, 1)
        turn = proposal.memory["turn"] + 1
        return turn, {"turn": turn.astype(jnp.float32)}


def same(one, other):
    one, other = arrays(one), arrays(other)
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_the_same_seed_gives_the_same_runner_and_another_seed_another(getkey):
    key = getkey()
    one, _ = run(make_runner(key), 2)
    again, _ = run(make_runner(key), 2)
    other, _ = run(make_runner(getkey()), 2)
    assert same(one, again)
    assert not same(one.students, other.students)


def as_users_compile():
    """Undoes what tests ask of XLA: its older kernels round differently in another loop."""
    if IF_KNOWN in os.environ["XLA_FLAGS"]:
        return {"xla_cpu_use_fusion_emitters": True}
    return None


@pytest.mark.slow
def test_many_cycles_in_one_dispatch_are_many_dispatches_of_one(getkey):
    key = getkey()

    def program(num_cycles):
        return run.lower(make_runner(key), num_cycles).compile(compiler_options=as_users_compile())

    together, metrics = program(3)(make_runner(key), 3)
    runner, returns, single = make_runner(key), [], program(1)
    for _ in range(3):
        runner, one = single(runner, 1)
        returns.append(one["return"][0])
    assert same(together, runner)
    np.testing.assert_array_equal(metrics["return"], returns)


def test_the_cycle_compiles_once(getkey):
    traced = eqx.debug.assert_max_traces(lambda runner: runner.step(), max_traces=1)
    step = eqx.filter_jit(traced)
    runner = make_runner(getkey())
    for _ in range(3):
        runner, _ = step(runner)
    for leaf in jax.tree.leaves(eqx.filter(runner, eqx.is_inexact_array)):
        assert not leaf.weak_type


def test_running_consumes_the_runner(getkey):
    runner = make_runner(getkey())
    run(runner, 1)
    with pytest.raises(ValueError, match="consumed by `run`"):
        run(runner, 1)


def test_no_two_leaves_of_a_runner_share_a_buffer(getkey):
    runner = make_runner(getkey())
    leaves = jax.tree.leaves(eqx.filter(runner, eqx.is_inexact_array))
    pointers = [leaf.unsafe_buffer_pointer() for leaf in leaves]
    assert len(set(pointers)) == len(pointers)


def test_students_learn_in_every_cycle_of_domain_randomisation(getkey):
    runner, metrics = run(make_runner(getkey()), 4)
    assert runner.num_cycles == runner.students.num_updates[0] == 4
    np.testing.assert_array_equal(metrics["updated"], 1)


def test_a_cycle_without_update_leaves_the_students_bit_identical(getkey):
    curriculum = EveryOther((1, 16, 3, 1))
    runner = make_runner(getkey(), curriculum=curriculum)
    before = copied(runner)
    runner, metrics = run(runner, 1)
    assert same(runner.students, before.students)
    assert np.isnan(metrics["loss"][0])
    runner, metrics = run(runner, 1)
    assert not same(runner.students, before.students)
    assert np.isfinite(metrics["loss"][0])
    np.testing.assert_array_equal([metrics["updated"][0], metrics["turn"][0]], [1, 2])


def test_evidence_has_axes_for_students_and_trials(getkey):
    curriculum = EveryOther((2, 16, 3, 4))
    runner = make_runner(getkey(), curriculum=curriculum, num_students=2, num_trials=4)
    assert runner.experiment.transitions_per_cycle == 2 * 16 * 3 * 4
    _, metrics = run(runner, 2)
    assert np.isfinite(metrics["return"]).all()


def test_each_member_of_a_population_is_its_own_student(getkey):
    runner = make_runner(getkey(), num_students=3)
    start = copied(runner.students)
    runner, metrics = run(runner, 2)
    weights = runner.students.network.core.recurrent_weight
    for i, j in ((0, 1), (1, 2)):
        assert not np.allclose(start.network.core.recurrent_weight[i], weights[j])
        assert not np.allclose(weights[i], weights[j])
    np.testing.assert_array_equal(runner.students.num_updates, [2, 2, 2])
    assert metrics["return"].shape == (2,)


def test_seeds_can_be_trained_side_by_side(getkey):
    keys = jax.random.split(getkey(), 3)
    runners = eqx.filter_vmap(make_runner)(keys)
    stepped, metrics = eqx.filter_jit(eqx.filter_vmap(lambda runner: runner.step()))(runners)
    alone, one = eqx.filter_jit(lambda runner: runner.step())(make_runner(keys[1]))
    assert metrics["return"].shape == (3,)
    np.testing.assert_allclose(metrics["return"][1], one["return"], rtol=1e-5)
    np.testing.assert_allclose(
        stepped.students.network.core.bias[1], alone.students.network.core.bias, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"core": "feedforward", "num_minibatches": 2},
        {"num_minibatches": 2},
        {"bootstrap_truncated": True},
        {"num_value_heads": 2},
        {"num_spare_levels": 0},
        {"track_level_metrics": False},
        {"num_trials": 2},
        {"bootstrap_truncated": True, "num_students": 2},
    ],
    ids=str,
)
def test_every_option_of_the_cycle_runs(options, getkey):
    _, metrics = run(make_runner(getkey(), **options), 2)
    assert all(np.isfinite(value).all() for value in metrics.values())
    assert ("passable" in metrics) == options.get("track_level_metrics", True)


def test_level_metrics_are_means_over_passable_levels(getkey):
    generator = RandomWalls(num_walls=14)
    levels = jax.vmap(lambda key: generator.sample(ENV.level_spec(), key=key))(
        jax.random.split(getkey(), 64)
    )
    each = jax.vmap(ENV.level_metrics)(levels)
    passable = np.asarray(each["passable"]) == 1
    assert 0 < passable.sum() < 64
    means = level_metrics(ENV, levels)
    np.testing.assert_allclose(means["passable"], passable.mean(), rtol=1e-6)
    for name in ("num_walls", "shortest_path_length"):
        np.testing.assert_allclose(means[name], np.asarray(each[name])[passable].mean(), rtol=1e-5)


class OfOneSize(AbstractLevelGenerator):
    """Does not read off the structure of a level how large it is to be."""

    def sample(self, level, *, key):
        return GENERATOR.sample(ENV.level_spec(), key=key)


class Unchecked(AbstractCurriculum):
    """Proposes one level too many."""

    @property
    def levels_per_cycle(self):
        return 2

    def init(self, evidence, *, key):
        return None

    def propose(self, state, *, key):
        return state, Proposal(sample_levels(key, 3))

    def learn(self, state, proposal, evidence, *, key):
        return state, {}


@pytest.mark.parametrize(
    ("curriculum", "message"),
    [
        (DomainRandomisation(OfOneSize()), "OfOneSize"),
        (Unchecked(), "Unchecked proposes levels that the environment Maze cannot play"),
    ],
)
def test_levels_that_the_environment_cannot_play_are_refused(curriculum, message, getkey):
    env = ENV if isinstance(curriculum, Unchecked) else dataclasses.replace(ENV, width=7)
    with pytest.raises(ValueError, match=message):
        make_runner(getkey(), env=env, curriculum=curriculum)


@pytest.mark.parametrize("option", ["num_students", "num_steps", "rollouts_per_play", "num_trials"])
def test_counts_below_one_are_refused(option):
    with pytest.raises(ValueError, match=f"Experiment.{option} is 0; it must be at least 1"):
        make_experiment(**{option: 0})


@pytest.mark.parametrize(("option", "value"), [("num_levels", 0), ("num_spare_levels", -1)])
def test_domain_randomisation_refuses_counts_out_of_range(option, value):
    with pytest.raises(ValueError, match=option):
        DomainRandomisation(GENERATOR, **{option: value})
