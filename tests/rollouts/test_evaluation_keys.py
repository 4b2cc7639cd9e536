"""Evaluation: one episode of each level, whose chance is the level's own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.agents import PPO
from minimax_eqx.agents._population import population
from minimax_eqx.envs import AbstractEnv, Discrete, TimeStep
from minimax_eqx.nets import ActorCritic, FlatEncoder, MLPHead
from minimax_eqx.rollouts import evaluate, record_episode

from ..small import make_student


class Level(eqx.Module):
    """How long an episode takes, and in which of its steps, or after it, it succeeds."""

    length: jax.Array
    success: jax.Array


class Dice(AbstractEnv):
    """A step pays what a die shows, and a tenth for action 1. The state is the sum, and the time;
    a first die is thrown at the start."""

    max_episode_steps: int = 6

    def action_spec(self):
        return Discrete(2)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return self.throw(key), jnp.zeros((), jnp.int32)

    def step(self, world, state, action, *, key):
        total, time = state
        shown = self.throw(key)
        time = time + 1
        success = time == world.success
        terminated = time == world.length
        return TimeStep(
            state=(total + shown, time),
            reward=shown.astype(jnp.float32) + 0.1 * action.astype(jnp.float32),
            terminated=terminated,
            truncated=(time >= self.max_episode_steps) & ~terminated,
            success=success,
        )

    def throw(self, key):
        return jax.random.randint(key, (), 1, 7)

    def observe(self, world, state):
        return jnp.stack(state)

    def level_spec(self):
        return jax.eval_shape(lambda: Level(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32)))

    def observation_spec(self):
        return jax.ShapeDtypeStruct((2,), jnp.int32)

    def level_metrics(self, level):
        return {}


ENV = Dice()
LEVELS = Level(jnp.array([6, 2, 6, 3, 6]), jnp.array([6, 4, 7, 3, 1]))
KEYS = jax.random.split(jax.random.key(1), 5)


@pytest.fixture(scope="module")
def players():
    learner = PPO(ActorCritic(FlatEncoder(output_size=4), head=MLPHead(4)))
    observation, actions = ENV.observation_spec(), ENV.action_spec()
    return population(learner, 2, observation, actions, key=jax.random.key(2))


@pytest.fixture(scope="module")
def player(players):
    return players.first().network


@pytest.fixture(scope="module")
def results(player):
    return jax.device_get(evaluate(ENV, player, LEVELS, key=KEYS))


def chosen(tree, rows):
    return jax.tree.map(lambda leaf: leaf[jnp.array(rows)], tree)


@pytest.mark.parametrize("rows", [[4, 3, 2, 1, 0], [2, 0], [3]])
def test_an_episode_does_not_depend_on_the_other_levels_nor_on_their_order(rows, player, results):
    others = evaluate(ENV, player, chosen(LEVELS, rows), key=KEYS[jnp.array(rows)])
    assert eqx.tree_equal(jax.device_get(others), jax.device_get(chosen(results, rows)))


def test_of_one_key_each_level_gets_a_key_by_its_index(player):
    key = jax.random.key(3)
    with_one_key = evaluate(ENV, player, LEVELS, key=key)
    keys = jnp.stack([jax.random.fold_in(key, i) for i in range(5)])
    assert eqx.tree_equal(with_one_key, evaluate(ENV, player, LEVELS, key=keys))


def test_copies_of_a_level_are_played_differently(player):
    copies = chosen(LEVELS, [0] * 5)
    assert len(set(evaluate(ENV, player, copies, key=KEYS).returns.tolist())) == 5


@pytest.mark.parametrize("row", [0, 1])
def test_a_recording_is_the_episode_that_is_evaluated(row, player, results):
    level = jax.tree.map(lambda leaf: leaf[row], LEVELS)
    recording = jax.device_get(record_episode(ENV, player, level, key=KEYS[row]))
    length, (totals, times) = recording.length, recording.states
    assert length == results.lengths[row]
    assert recording.success == results.successes[row]
    assert times[length] == length
    # What the dice showed; the tenths of a return are for actions.
    assert totals[length] - totals[0] == int(results.returns[row])


def test_there_are_as_many_keys_as_levels(player):
    with pytest.raises(ValueError, match="evaluate was given 4 keys for 5 levels"):
        evaluate(ENV, player, LEVELS, key=KEYS[:4])


@pytest.mark.parametrize("of", ["a population", "another environment"])
def test_a_policy_that_is_not_of_one_agent_for_this_environment_is_refused(of, players):
    policy = players.network if of == "a population" else make_student(KEYS[0]).network
    with pytest.raises(ValueError, match=r"evaluate: .* cannot play Dice: .*students.first"):
        evaluate(ENV, policy, LEVELS, key=KEYS)
    level = jax.tree.map(lambda leaf: leaf[0], LEVELS)
    with pytest.raises(ValueError, match=r"record_episode: .* cannot play Dice: .*filter_vmap"):
        record_episode(ENV, policy, level, key=KEYS[0])
