"""The structure of the evidence is known before anything is played."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Experiment, Runner
from minimax_eqx.agents import PPO
from minimax_eqx.agents._population import population
from minimax_eqx.envs import AbstractEnv, Box, Discrete, MultiDiscrete, TimeStep
from minimax_eqx.nets import LSTM, ActorCritic, FlatEncoder, MLPHead, NoMemory
from minimax_eqx.nets._action_head import SquashedNormal
from minimax_eqx.runners._arrays import as_arrays
from minimax_eqx.runners._evidence import evidence_spec

from ..numbered_levels import Given, NumberedLevels, Taught, Watched
from ..small import make_experiment


class Anything(AbstractEnv):
    """Takes actions of any kind. A level has two parts."""

    actions: Discrete | MultiDiscrete | Box
    max_episode_steps: int = 3

    def action_spec(self):
        return self.actions

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return jnp.zeros((), jnp.int32)

    def step(self, world, state, action, *, key):
        over, false = state + 1 >= self.max_episode_steps, jnp.zeros((), bool)
        reward = jnp.sum(jnp.asarray(action, jnp.float32)) + jnp.sum(world["numbers"])
        return TimeStep(state + 1, reward, over, false, false)

    def observe(self, world, state):
        return {"time": state, "world": world}

    def level_spec(self):
        return {
            "count": jax.ShapeDtypeStruct((), jnp.int8),
            "numbers": jax.ShapeDtypeStruct((2,), jnp.float32),
        }

    def observation_spec(self):
        return {"time": jax.ShapeDtypeStruct((), jnp.int32), "world": self.level_spec()}

    def level_metrics(self, level):
        return {}


ZEROS = {"count": jnp.zeros(5, jnp.int8), "numbers": jnp.zeros((5, 2))}


def on_anything(actions, core=None, num_value_heads=1, **options):
    core = core or NoMemory()
    network = ActorCritic(FlatEncoder(4), core, MLPHead(4), num_value_heads, SquashedNormal())
    options = {"num_steps": 3, **options}
    return Experiment(Anything(actions), PPO(network), Given(ZEROS), **options)


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
