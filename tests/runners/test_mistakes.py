"""What is often done wrong with a runner at a prompt, and what is said about it."""

import pickle
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Experiment, Runner, run
from minimax_eqx.agents import PPO
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import MultiDiscrete
from minimax_eqx.nets import AbstractEncoder, ActorCritic, FlatEncoder, MLPHead, NoMemory
from minimax_eqx.nets._policy import AbstractNetwork
from minimax_eqx.rollouts import evaluate
from minimax_eqx.runners import member, run_members

from .. import small

CONSUMED = "consumed by `run` or `run_members`.* Use what they returned"


def consumed(tree):
    """The tree as `run` leaves it."""
    for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)):
        leaf.delete()
    return tree


def stacked(key, count=2):
    return eqx.filter_vmap(small.make_runner)(jax.random.split(key, count))


USES = {
    "run": lambda runner: run(runner, 1),
    "step": lambda runner: runner.step(),
    "taking a student": lambda runner: runner.students.first(),
    "pickling": pickle.dumps,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_runner_that_was_consumed_says_so(use, getkey):
    with pytest.raises(ValueError, match=CONSUMED):
        use(consumed(small.make_runner(getkey())))


@pytest.mark.parametrize("use", [lambda runners: run_members(runners, 1), lambda r: member(r, 0)])
def test_stacked_runners_that_were_consumed_say_so(use, getkey):
    with pytest.raises(ValueError, match=CONSUMED):
        use(consumed(stacked(getkey())))


def test_a_student_of_a_consumed_runner_cannot_be_evaluated(getkey):
    levels = small.sample_levels(getkey(), 2)
    policy = consumed(small.make_student(getkey())).network
    with pytest.raises(ValueError, match="evaluate: .*" + CONSUMED):
        evaluate(small.ENV, policy, levels, key=getkey())


def test_what_run_consumes_is_refused_afterwards(getkey):
    runner = small.make_runner(getkey())
    going_on, _ = run(runner, 1)
    with pytest.raises(ValueError, match="run: this runner.*" + CONSUMED):
        run(runner, 1)
    assert run(going_on, 1)[0].num_cycles == 2


def test_a_negative_number_of_cycles_is_refused(getkey):
    with pytest.raises(ValueError, match="run: num_cycles is -1; it must not be negative"):
        eqx.filter_eval_shape(lambda runner: run(runner, -1), small.make_runner(getkey()))
    with pytest.raises(ValueError, match="run_members: num_cycles is -1; it must not be"):
        run_members(stacked(getkey()), -1)


class BuiltFor(AbstractNetwork):
    """Makes its weights for other observations or actions than those that it will get."""

    observation: Any = None
    actions: Any = None
    encoder: AbstractEncoder = small.ENCODER

    def init(self, observation, actions, *, key):
        network = ActorCritic(self.encoder, NoMemory(), MLPHead(4))
        observation = observation if self.observation is None else self.observation
        return network.init(observation, self.actions or actions, key=key)


LARGER_VIEW = eqx.tree_at(
    lambda spec: spec.image,
    small.ENV.observation_spec(),
    jax.ShapeDtypeStruct((7, 7, 3), jnp.uint8),
)
MISFITS = {
    "another number of actions": (
        BuiltFor(actions=MultiDiscrete((7, 2))),
        r"choose actions like .*\(2,\).*, and Maze takes .*\(\).*action_spec\(\), Discrete\(",
    ),
    "a view of another size": (
        BuiltFor(LARGER_VIEW),
        r"cannot read what Maze shows: GridEncoder was made for images of shape \(7, 7, 3\) and "
        r"got \(5, 5, 3\)",
    ),
    "other numbers": (
        BuiltFor(jax.ShapeDtypeStruct((4,), jnp.float32), encoder=FlatEncoder(4)),
        r"cannot read what Maze shows: FlatEncoder was made for .* of shapes \(\(4,\),\) and got "
        r"\(\(5, 5, 3\), \(\)\)",
    ),
}


@pytest.mark.parametrize(("network", "message"), MISFITS.values(), ids=MISFITS)
def test_a_network_of_another_world_is_refused(network, message):
    curriculum = DomainRandomisation(small.GENERATOR)
    experiment = Experiment(small.ENV, PPO(network), curriculum)
    with pytest.raises(ValueError, match=message):
        eqx.filter_eval_shape(lambda key: Runner.create(experiment, key=key), jax.random.key(0))
