"""Cloning between the students of PAIRED (arXiv 2308.10797)."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import PPO, Adam, BehaviouralCloning
from minimax_eqx.agents._agent import Estimates, Trajectory
from minimax_eqx.agents._population import over_students

from ..evidence import KEY, random_evidence, random_students
from ..states import arrays, assert_close

NOW = BehaviouralCloning(kl_coef=0.3, every=1)


@functools.cache
def trajectories():
    """Of two students, in 16 plays of which some hold several episodes."""
    evidence = random_evidence(0)
    parts = {field.name: None for field in dataclasses.fields(Trajectory)}
    parts |= {name: getattr(evidence, name) for name in vars(evidence) if name in parts}
    parts |= {"last_values": evidence.values[:, 0]}
    first_trial = lambda leaf: leaf[:, :, 0]  # noqa: E731

    def make(parts):
        last_values = parts.pop("last_values")[:, 0]
        return Trajectory(**jax.tree.map(first_trial, parts), last_values=last_values)

    estimate = lambda a, v: Estimates(a[:, :, 0], a[:, :, 0] + v[:, :, 0])  # noqa: E731
    return (
        eqx.filter_vmap(make)(parts),
        eqx.filter_vmap(estimate)(evidence.advantages, evidence.values),
    )


@eqx.filter_jit
def learn(peer_loss, students, num_minibatches=1):
    learner = PPO(optimiser=Adam(0.1), num_epochs=2, num_minibatches=num_minibatches)
    learner = dataclasses.replace(learner, peer_loss=peer_loss)
    played, estimates = trajectories()
    told = learner.ask_peers(students, played)
    updated, metrics = over_students(
        lambda student, played, estimates, told, key: learner.update(
            student, dataclasses.replace(played, told=told), estimates, key=key
        ),
        students,
        played,
        estimates,
        told,
        jax.random.split(KEY),
    )
    return updated.network, metrics


def one(students, index):
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, students)


def learnable():
    learner, students = PPO(), random_students()
    state = eqx.filter_vmap(lambda n: learner.optimiser.init(eqx.filter(n, eqx.is_inexact_array)))
    return dataclasses.replace(students, learning=state(students.network))


def test_a_student_is_told_what_the_other_would_have_done_in_its_episodes():
    students, (played, _) = random_students(), trajectories()
    told = NOW.ask(students, played)
    (said,) = jax.tree.leaves(told.distributions)
    assert said.shape == (2, 12, 16, 1, 3)
    np.testing.assert_allclose(told.weights, 0.3, rtol=1e-6)
    step = eqx.filter_jit(lambda network, *args: network.step(*args))
    play = int(np.argmax(np.asarray(one(played, 0).dones[:-1]).sum(axis=0)))  # with most episodes
    network = one(students, 1).network
    memory, reset = network.initial_memory(), jnp.ones((), bool)
    for time in range(12):
        predictions, memory = step(network, played.observations[0, time, play], memory, reset)
        reset = one(played, 0).dones[time, play]
        (expected,) = jax.tree.leaves(predictions.actions)
        np.testing.assert_allclose(said[0, time, play, 0], expected, rtol=1e-4, atol=1e-6)


def test_a_weight_of_0_and_an_update_that_is_not_due_change_nothing():
    students = learnable()
    alone, metrics = learn(None, students)
    assert "peer_loss" not in metrics
    for cloning in (BehaviouralCloning(0.0, every=1), BehaviouralCloning(0.3, every=2)):
        beside, metrics = learn(cloning, students)
        assert jnp.all(metrics["peer_loss"] == 0)
        # Two programs: some sums are rounded in another order.
        assert_close(arrays(beside), arrays(alone))


def test_the_first_student_alone_learns_from_the_other_who_gets_no_gradient():
    students, num_minibatches = learnable(), 2
    alone, _ = learn(None, students, num_minibatches)
    only_first = dataclasses.replace(NOW, only_first=True)
    beside, metrics = learn(only_first, students, num_minibatches)
    assert_close(arrays(one(beside, 1)), arrays(one(alone, 1)))
    bias = lambda networks: networks.policy.out.bias[0]  # noqa: E731
    assert jnp.max(jnp.abs(bias(beside) - bias(alone))) > 1e-3
    assert metrics["peer_loss"][0] > 0 == metrics["peer_loss"][1]


def test_students_that_are_the_same_have_nothing_to_tell():
    students = jax.tree.map(
        lambda leaf: jnp.stack([leaf[0]] * 2) if eqx.is_array(leaf) else leaf, learnable()
    )
    told = one(NOW.ask(students, trajectories()[0]), 0)
    played, network = one(trajectories()[0], 0), one(students, 0).network

    def loss(network):
        resets = jnp.pad(played.dones[:-1], ((1, 0), (0, 0)))
        memory = network.initial_memory(resets.shape[1:])
        return jnp.sum(NOW(network.scan(played.observations, memory, resets)[0], told))

    value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(loss))(network)
    assert float(value) == pytest.approx(0, abs=1e-5)
    assert all(jnp.all(jnp.abs(leaf) < 1e-5) for leaf in jax.tree.leaves(gradient))


def test_nobody_learns_from_nobody():
    learner, students, (played, estimates) = PPO(peer_loss=NOW), learnable(), trajectories()
    learner.check(students, 12, 16)
    first_alone = jax.tree.map(lambda leaf: leaf[:1] if eqx.is_array(leaf) else leaf, students)
    with pytest.raises(ValueError, match="BehaviouralCloning, and there is one student"):
        learner.check(first_alone, 12, 16)
    # A teacher has no peers.
    with pytest.raises(ValueError, match="BehaviouralCloning, and nobody tells"):
        learner.update(one(students, 0), one(played, 0), one(estimates, 0), key=KEY)
