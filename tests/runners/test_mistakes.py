"""What is often done wrong with a runner at a prompt, and what is said about it."""

import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.agents import PPO, first_student
from minimax_eqx.nets import LSTM, ActorCritic, FlatEncoder, GridEncoder
from minimax_eqx.rollouts import evaluate
from minimax_eqx.runners import Runner, member, run, run_members

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
    "taking a student": lambda runner: first_student(runner.students),
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
    levels = jax.vmap(small.GENERATOR.sample)(jax.random.split(getkey(), 2))
    student = consumed(small.make_student(getkey()))
    with pytest.raises(ValueError, match="evaluate: .*" + CONSUMED):
        evaluate(small.ENV, student, levels, num_episodes=1, key=getkey())


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


def make_runner_of(network):
    runner = small.make_runner(jax.random.key(0))
    student = PPO.create(network, small.OPTIMISER)
    return Runner.create(runner.env, student, runner.curriculum, key=jax.random.key(0))


def make_network(num_actions=None, encoder=None):
    key = jax.random.key(0)
    if encoder is None:
        encoder = GridEncoder.create(small.ENV.observation_spec(), num_filters=4, key=key)
    core = LSTM.create(encoder.output_size, 8, key=key)
    return ActorCritic.create(encoder, core, num_actions or small.ENV.num_actions, key=key)


def test_a_policy_with_another_number_of_actions_is_refused():
    with pytest.raises(ValueError, match=r"3 actions, and Maze has 7: .*num_actions=7"):
        make_runner_of(make_network(num_actions=3))


OTHER_SPECS = {
    "a view of another size": (
        lambda: GridEncoder.create(
            eqx.tree_at(
                lambda spec: spec.image,
                small.ENV.observation_spec(),
                jax.ShapeDtypeStruct((7, 7, 3), jnp.uint8),
            ),
            key=jax.random.key(0),
        ),
        r"GridEncoder was made for views of shape \(7, 7, 3\) and got \(5, 5, 3\)",
    ),
    "other numbers": (
        lambda: FlatEncoder.create(jax.ShapeDtypeStruct((4,), jnp.float32), key=jax.random.key(0)),
        r"FlatEncoder was made for .* of shapes \(\(4,\),\) and got \(\(5, 5, 3\), \(\)\)",
    ),
}


@pytest.mark.parametrize(("encoder", "message"), OTHER_SPECS.values(), ids=OTHER_SPECS)
def test_an_encoder_of_another_world_is_refused(encoder, message):
    with pytest.raises(ValueError, match="cannot read what Maze shows: " + message):
        make_runner_of(make_network(encoder=encoder()))


def test_a_runner_is_printed_on_one_screen_and_its_tree_on_demand(getkey):
    runner = small.make_runner(getkey(), num_students=2)
    text = repr(runner)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100
    for part in ("Maze(height=5, width=6", "PPO(", "DomainRandomisation(", "num_cycles=0"):
        assert part in text
    assert "kernel=" not in text
    assert "kernel=f32[2,27,4]" in eqx.tree_pformat(runner)


def test_shapes_and_consumed_runners_can_be_printed(getkey):
    runner = small.make_runner(getkey())
    assert "ShapeDtypeStruct" in repr(eqx.filter_eval_shape(lambda: runner))
    assert "i32[]" in repr(consumed(runner))
