"""The PPO learner: what an update does, and what it refuses."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import PPO, Adam
from minimax_eqx.agents._population import population
from minimax_eqx.rollouts._rollout import begin_all, go_on, load_all, rollout

from ..small import ENV, make_learner, make_student, sample_levels

OBSERVATION, ACTIONS = ENV.observation_spec(), ENV.action_spec()


@pytest.fixture(scope="module")
def levels():
    return sample_levels(jax.random.key(3), 6)


def play(agent, levels, key):
    return eqx.filter_jit(lambda policy: rollout(ENV, policy, levels, num_steps=10, key=key))(
        agent.network
    )


@eqx.filter_jit
def update(learner, agent, trajectory, key):
    return learner.update(agent, trajectory, learner.estimate(trajectory), key=key)


@pytest.mark.parametrize("core", ["lstm", "feedforward"])
def test_the_first_gradient_step_sees_a_ratio_of_one(core, levels, getkey):
    """The network, scanned over the trajectory, says what it said when it was stepped."""
    learner = make_learner(core=core, num_epochs=1)
    agent = learner.init(OBSERVATION, ACTIONS, key=getkey())
    trajectory = play(agent, levels, getkey())
    _, metrics = update(learner, agent, trajectory, getkey())
    assert abs(metrics["approx_kl"]) < 1e-6
    assert metrics["clip_fraction"] == 0
    assert metrics["grad_norm"] > 0


@eqx.filter_jit
def second_rollout(agent, levels, key):
    """Of plays that go on over a cut, at which some of them end an episode."""
    worlds, policy = load_all(ENV, levels), agent.network
    begin_key, *keys = jax.random.split(key, 3)
    first, paused = go_on(
        ENV,
        policy,
        worlds,
        begin_all(ENV, policy, worlds, key=begin_key),
        num_steps=6,
        key=keys[0],
    )
    return first, go_on(ENV, policy, worlds, paused, num_steps=6, key=keys[1])[0]


def test_an_update_from_a_later_rollout_begins_with_the_memory_that_was_carried_over(
    levels, getkey
):
    """In minibatches and their parts too: the ratio stays at one, since the rate is 0."""
    agent, key = make_student(getkey()), getkey()
    # Weights that make actions depend on memory.
    noise = iter(jax.random.split(getkey(), 100))
    network = jax.tree.map(
        lambda x: x + jax.random.normal(next(noise), x.shape) if eqx.is_inexact_array(x) else x,
        agent.network,
    )
    agent = eqx.tree_at(lambda agent: agent.network, agent, network)
    first, second = second_rollout(agent, levels, key)
    np.testing.assert_array_equal(second.resets[0], first.dones[-1])
    learner = make_learner(optimiser=Adam(0.0), num_minibatches=2, num_accumulation_steps=2)
    part = second.first_plays(4)
    _, metrics = update(learner, agent, part, key)
    assert abs(metrics["approx_kl"]) < 1e-6
    empty = jax.tree.map(jnp.zeros_like, part.carried)
    _, metrics = update(learner, agent, dataclasses.replace(part, carried=empty), key)
    assert abs(metrics["approx_kl"]) > 1e-4


def test_a_single_minibatch_does_not_depend_on_the_key(levels, getkey):
    agent = make_student(getkey())
    trajectory = play(agent, levels, getkey())
    one, _ = update(make_learner(), agent, trajectory, getkey())
    other, _ = update(make_learner(), agent, trajectory, getkey())
    assert eqx.tree_equal(one, other)


@pytest.mark.parametrize("options", [{}, {"core": "feedforward", "num_minibatches": 2}])
def test_a_gradient_in_parts_is_that_of_the_whole_minibatch(options, levels, getkey):
    agent, update_key = make_student(getkey(), **options), getkey()
    learner = make_learner(**options)
    trajectory = play(agent, levels, getkey())
    whole, of_whole = update(learner, agent, trajectory, update_key)
    in_parts = dataclasses.replace(learner, num_accumulation_steps=3)
    parts, of_parts = update(in_parts, agent, trajectory, update_key)
    networks = [jax.tree.leaves(eqx.filter(a.network, eqx.is_array)) for a in (whole, parts)]
    for one, other in zip(*networks, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for name, value in of_whole.items():
        np.testing.assert_allclose(value, of_parts[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_minibatches": 7}, r"6 plays .* num_minibatches=7"),
        ({"num_minibatches": 7, "core": "feedforward"}, r"60 transitions .* num_minibatches=7"),
        ({"num_minibatches": 2, "num_accumulation_steps": 2}, r"3 plays .*accumulation_steps=2"),
    ],
)
def test_parts_that_do_not_divide_what_is_played_are_refused(options, message, levels, getkey):
    """When a runner asks beforehand, and in an update."""
    learner, agent = make_learner(**options), make_student(getkey(), **options)
    with pytest.raises(ValueError, match=message):
        learner.check(agent, num_steps=10, num_plays=6)
    trajectory = play(agent, levels, getkey())
    with pytest.raises(ValueError, match=message):
        learner.update(agent, trajectory, learner.estimate(trajectory), key=getkey())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("discount", 1.5),
        ("gae_lambda", -0.1),
        ("clip_range", 0.0),
        ("entropy_coef", -1.0),
        ("value_loss_coef", float("nan")),
        ("num_epochs", 0),
        ("num_minibatches", 0),
        ("num_accumulation_steps", 0),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=rf"PPO\.{option} is {value}; it must be"):
        PPO(**{option: value})


def test_a_learning_rate_of_0_changes_nothing_but_the_count(levels, getkey):
    learner = make_learner()
    agent = make_student(getkey())
    frozen = dataclasses.replace(
        learner, optimiser=dataclasses.replace(learner.optimiser, learning_rate=0.0)
    )
    after, _ = update(frozen, agent, play(agent, levels, getkey()), getkey())
    assert eqx.tree_equal(after.network, agent.network)
    assert after.num_updates == 1


def test_an_update_keeps_the_shapes_and_strong_types_of_an_agent(levels, getkey):
    """Or the next one would compile again."""
    agent = make_student(getkey())
    after, _ = update(make_learner(), agent, play(agent, levels, getkey()), getkey())
    for leaf, later in zip(
        *(jax.tree.leaves(eqx.filter(a, eqx.is_array)) for a in (agent, after)), strict=True
    ):
        assert jax.typeof(leaf) == jax.typeof(later)
        assert not leaf.weak_type


def test_students_of_a_population_are_made_with_keys_of_their_own(getkey):
    learner, key = PPO(), getkey()
    students = population(learner, 3, OBSERVATION, ACTIONS, key=key)
    assert students.num_updates.shape == (3,)
    alone = learner.init(OBSERVATION, ACTIONS, key=jax.random.split(key, 3)[0])
    for leaf, same in zip(*map(jax.tree.leaves, (students.first(), alone)), strict=True):
        if eqx.is_array(leaf):
            np.testing.assert_allclose(leaf, same, atol=1e-6)
    with pytest.raises(ValueError, match="num_students is 0"):
        population(learner, 0, OBSERVATION, ACTIONS, key=key)
