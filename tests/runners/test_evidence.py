"""The structure of the evidence is known before anything is played."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Experiment, Runner
from minimax_eqx.agents import PPO
from minimax_eqx.agents._population import population
from minimax_eqx.envs import Box, Discrete, MultiDiscrete
from minimax_eqx.nets import LSTM, ActorCritic, FlatEncoder, MLPHead, NoMemory, SquashedNormal
from minimax_eqx.runners._arrays import as_arrays
from minimax_eqx.runners._evidence import evidence_spec

from ..guessing import Guess, levels_of
from ..numbered_levels import Given, NumberedLevels, Taught, Watched
from ..small import make_experiment


def on_anything(actions, core=None, num_value_heads=1, **options):
    core = core or NoMemory()
    network = ActorCritic(FlatEncoder(4), core, MLPHead(4), num_value_heads, SquashedNormal())
    options = {"num_steps": 3, **options}
    return Experiment(Guess(actions), PPO(network), Given(levels_of(jnp.zeros(5))), **options)


EXPERIMENTS = {
    "a maze": make_experiment,
    "a population with trials and value heads": lambda: on_anything(
        Discrete(4), num_students=3, num_trials=2, num_value_heads=2
    ),
    "a memory": lambda: on_anything(Discrete(4), LSTM(3)),
    "several choices": lambda: on_anything(MultiDiscrete((2, 3)), num_trials=2),
    "numbers": lambda: on_anything(Box(-1.0, 1.0, (2,)), num_students=2),
    "one number": lambda: on_anything(Box(0.0, 1.0)),
    "an optimum": lambda: Experiment(
        NumberedLevels(), Taught(), Given([1, 2, 3]), num_steps=2, num_trials=2
    ),
}


def shapes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), eqx.filter(tree, is_shaped))


def is_shaped(leaf):
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


@pytest.mark.filterwarnings("ignore:num_steps")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_structure_of_the_evidence_is_that_of_what_is_played(name):
    experiment = EXPERIMENTS[name]()
    experiment = eqx.tree_at(lambda e: e.curriculum, experiment, Watched(experiment.curriculum))
    env, key = experiment.env, jax.random.key(0)

    def students(key):
        sizes = (experiment.num_students, env.observation_spec(), env.action_spec())
        return population(experiment.student, *sizes, key=key)

    def played(key):
        runner, _ = Runner.create(experiment, key=key).step()
        return runner.curriculum_state.evidence

    spec = evidence_spec(as_arrays(experiment), eqx.filter_eval_shape(students, key))
    assert shapes(spec) == shapes(eqx.filter_eval_shape(played, key))
    assert spec.level_spec() == env.level_spec()
    assert (spec.optimum is not None) == (name in ("a maze", "an optimum"))
