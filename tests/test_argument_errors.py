"""A value of the wrong type or shape gets one line that says whose it is, and why it is wrong."""

import inspect

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError, jaxtyped

from minimax_eqx import Experiment, Runner, envs, nets, scores
from minimax_eqx._typecheck import typechecker
from minimax_eqx.agents import PPO
from minimax_eqx.agents._advantage import generalised_advantages
from minimax_eqx.agents._population import population
from minimax_eqx.rollouts import Evidence

from . import small

OBSERVATION, ACTIONS = small.ENV.observation_spec(), small.ENV.action_spec()
EXPERIMENT = small.make_experiment()


def sample(key):
    return small.GENERATOR.sample(small.ENV.level_spec(), key=key)


OLD_KEY = r"key is u32\[2\]; expected Key\[Array, ''\].*`jax.random.key\(seed\)`"
KEYS = {
    "a layer": lambda key: nets.LSTM(4).init(3, key=key),
    "an encoder": lambda key: nets.FlatEncoder().init(OBSERVATION, key=key),
    "a generator": sample,
    "a network": lambda key: nets.ActorCritic().init(OBSERVATION, ACTIONS, key=key),
    "a population": lambda key: population(small.make_learner(), 2, OBSERVATION, ACTIONS, key=key),
    "a runner": lambda key: Runner.create(EXPERIMENT, key=key),
}


@pytest.mark.parametrize("call", KEYS.values(), ids=KEYS)
def test_a_key_of_the_old_kind_is_refused_with_what_to_use_instead(call):
    with pytest.raises(TypeCheckError, match="Make keys with"):
        call(jax.random.PRNGKey(0))


MISTAKES = {
    "an old key": (lambda: nets.LSTM(4).init(3, key=jax.random.PRNGKey(0)), OLD_KEY),
    "a seed": (
        lambda: sample(0),
        r"RandomWalls.sample: key is 0; expected Key.*`jax.random.key\(seed\)`",
    ),
    "a batch of keys": (
        lambda: sample(jax.random.split(jax.random.key(0), 2)),
        r"RandomWalls.sample: key is key<fry>\[2\]; .*\(this array has 1 dimensions, not the 0 "
        r"expected by the type hint\)\.$",
    ),
    "a type": (lambda: envs.Maze(height=5.0), r"^Maze: height is 5.0; expected int"),
    "a module": (
        lambda: PPO("network"),
        r"^PPO: network is 'network'; expected AbstractNetwork",
    ),
    "a shape": (
        lambda: generalised_advantages(
            jnp.ones(3), jnp.ones(4, bool), jnp.ones(3), jnp.ones(()), discount=1, gae_lambda=1
        ),
        r"^generalised_advantages: dones is bool\[4\]; expected Bool\[Array, 'time'\] \(the size "
        "of dimension time is 4 which does not equal the existing value of 3",
    ),
    "one of several types": (
        lambda: PPO(discount="high"),
        r"^PPO: discount is 'high'; expected float",
    ),
    "another part": (
        lambda: Experiment(small.ENV, "me", "dr"),
        r"^Experiment: student is 'me'; expected AbstractLearner",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_argument_is_one_line(mistake, message):
    with pytest.raises(TypeCheckError, match=message) as caught:
        mistake()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    # No report of the checker before it, which is longer.
    assert caught.value.__suppress_context__


def test_a_network_in_the_wrong_place_is_not_printed_whole(getkey):
    with pytest.raises(TypeCheckError) as caught:
        sample(small.make_student(getkey()))
    assert len(str(caught.value)) < 400


def test_a_result_of_another_type_is_one_line():
    def half(x: float) -> int:
        return x / 2

    with pytest.raises(TypeCheckError, match=r"half returned 1.5; expected int \(float 1.5 not"):
        jaxtyped(half, typechecker=typechecker)(3)


class Unshaped(scores.AbstractFormula):
    can_be_negative = False

    def formula(self, evidence):
        return evidence.rewards.sum(axis=1)


def test_the_result_of_an_inherited_method_is_told_with_the_users_class_and_line():
    evidence = Evidence.by_hand(jnp.ones((1, 4, 3, 1)), jnp.ones((1, 4, 3, 1), bool))
    line = inspect.getsourcelines(Unshaped.formula)[1]
    with pytest.raises(
        TypeCheckError,
        match=r"^Unshaped.__call__ returned \(f32\[1,3,1\], .* See Unshaped.formula "
        rf"\(test_argument_errors.py, line {line}\)\.$",
    ):
        Unshaped()(evidence, None, None)
