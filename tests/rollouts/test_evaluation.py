"""What an evaluation counts: one episode of each level, to its end and no further."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import AbstractEnv, Discrete, TimeStep
from minimax_eqx.rollouts import evaluate, record_episode

from ..scripted import (
    EPISODE,
    PER_ACTION,
    NumberedLevels,
    Scripted,
    scripted,
    undecided_students,
)

LIMIT = 6


class Deadline(AbstractEnv):
    """A level says after how many steps its episode ends, and in which step there is a success,
    perhaps later. Every step pays 1, plus 10 for each action's number; a state knows all of it."""

    max_episode_steps: int = LIMIT

    def action_spec(self):
        return Discrete(3)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return {"time": jnp.zeros((), jnp.int32), "paid": jnp.zeros(())}

    def step(self, world, state, action, *, key):
        time = state["time"] + 1
        reward = 1.0 + 10.0 * action.astype(jnp.float32)
        state = {"time": time, "paid": state["paid"] + reward}
        over, success = time >= world["end"], time == world["success"]
        late = time >= self.max_episode_steps
        return TimeStep(state, reward, over, late & ~over, success)

    def observe(self, world, state):
        return {"number": world["end"], "time": state["time"]}

    def level_spec(self):
        return {name: jax.ShapeDtypeStruct((), jnp.int32) for name in ("end", "success")}

    def observation_spec(self):
        return {name: jax.ShapeDtypeStruct((), jnp.int32) for name in ("number", "time")}

    def level_metrics(self, level):
        return {}


def levels(ends, successes):
    return {"end": jnp.asarray(ends), "success": jnp.asarray(successes)}


def prefer(*preferences):
    """A policy of these preferences, a row for each step of its memory."""
    return Scripted(jnp.asarray(preferences), jnp.zeros(()))


def always(action):
    """A policy that takes the same action always."""
    return scripted(action).network


def test_what_comes_after_the_end_of_an_episode_does_not_count():
    """Not a success, a reward or a step; while other levels are played on."""
    ends, successes = [2, 2, 5, 9, 9], [2, 3, 5, 6, 7]
    results = evaluate(Deadline(), always(1), levels(ends, successes), key=jax.random.key(0))
    assert results.lengths.tolist() == [2, 2, 5, LIMIT, LIMIT]
    assert results.successes.tolist() == [True, False, True, True, False]
    np.testing.assert_allclose(results.returns, 11.0 * np.array([2, 2, 5, LIMIT, LIMIT]))


def test_a_result_is_that_of_its_own_level():
    numbers = [7, 40, 1001, 3]
    results = evaluate(NumberedLevels(), always(2), jnp.array(numbers), key=jax.random.key(0))
    assert results.returns.tolist() == [number + 2 * PER_ACTION for number in numbers]
    assert results.successes.tolist() == [True, False, True, True]
    assert results.lengths.tolist() == [EPISODE] * 4


def test_the_greedy_take_the_likeliest_action_and_others_roll_dice():
    """In every step and level anew, and with another key otherwise."""
    policy, many = prefer([0.0, 0.1, 0.0]), levels([LIMIT] * 12, [0] * 12)
    returns = {
        (greedy, seed): np.asarray(
            evaluate(Deadline(), policy, many, greedy=greedy, key=jax.random.key(seed)).returns
        )
        for greedy in (False, True)
        for seed in (0, 1)
    }
    for seed in (0, 1):
        np.testing.assert_array_equal(returns[True, seed], 11 * LIMIT)
        assert len(set(returns[False, seed].tolist())) > 3
        # The same action in all steps would give a multiple of the limit, less the basic reward.
        assert ((returns[False, seed] - LIMIT) % (10 * LIMIT) != 0).any()
    assert (returns[False, 0] != returns[False, 1]).any()


def test_luck_is_drawn_for_every_level_of_an_evaluation():
    env = NumberedLevels(luck=1.0)
    returns = evaluate(env, always(0), jnp.full(64, 5), key=jax.random.key(0)).returns
    assert len(set(returns.tolist())) > 4


def test_equal_students_are_evaluated_with_dice_of_their_own():
    policies, many = undecided_students(2).network, levels([LIMIT] * 12, [0] * 12)
    results = eqx.filter_vmap(lambda policy, key: evaluate(Deadline(), policy, many, key=key))(
        policies, jax.random.split(jax.random.key(3), 2)
    )
    assert results.returns.shape == (2, 12)
    assert (results.returns[0] != results.returns[1]).any()


def test_memory_is_kept_to_the_end_of_an_episode():
    """Actions 2, 1, and then 0 for good."""
    policy, many = prefer([0.0, 0.0, 1e6], [0.0, 1e6, 0.0], [1e6, 0.0, 0.0]), [1, 2, 3, LIMIT]
    results = evaluate(Deadline(), policy, levels(many, many), key=jax.random.key(0))
    assert results.returns.tolist() == [21, 32, 33, 30 + LIMIT]


@pytest.mark.parametrize(
    ("end", "success", "length", "succeeds"),
    [(2, 2, 2, True), (2, 3, 2, False), (9, 0, LIMIT, False)],
)
def test_a_recording_is_of_one_episode(end, success, length, succeeds):
    level = {"end": jnp.array(end), "success": jnp.array(success)}
    recording = record_episode(Deadline(), always(0), level, key=jax.random.key(0))
    assert int(recording.length) == length
    assert bool(recording.success) == succeeds
    times = [min(time, length) for time in range(LIMIT + 1)]
    assert recording.states["time"].tolist() == times
    assert recording.states["paid"].tolist() == times


def test_a_recording_is_of_what_the_agent_would_do():
    """The greedy the likeliest, others by dice; with a memory."""
    level = {"end": jnp.array(LIMIT), "success": jnp.array(0)}

    def paid(policy, seed, greedy):
        key = jax.random.key(seed)
        recording = record_episode(Deadline(), policy, level, greedy=greedy, key=key)
        return np.diff(recording.states["paid"]).tolist()

    remembering = prefer([0.0, 0.0, 1e6], [0.0, 1e6, 0.0], [1e6, 0.0, 0.0])
    assert paid(remembering, 0, greedy=False) == [21, 11, 1, 1, 1, 1]
    undecided = prefer([0.0, 0.1, 0.0], [0.0, 0.0, 0.1], [0.1, 0.0, 0.0])
    assert paid(undecided, 0, greedy=True) == [11, 21, 1, 1, 1, 1]
    rolled = [paid(undecided, seed, greedy=False) for seed in range(3)]
    assert rolled[0] != rolled[1] != rolled[2]
    assert all(len(set(actions)) > 1 for actions in rolled)
