"""Fixed tasks: what is played how often, what is held back, and what cannot be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._fingerprint import is_held_back
from minimax_eqx.curricula import FixedTasks
from minimax_eqx.curricula._task_rules import (
    AllAlike,
    ByProgress,
    SuccessWindow,
    TaskRecords,
    WorstFirst,
)
from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs._few_levels import FewLevels

from ..numbered_levels import NUMBER, Numbers, evidence_of, going, learn, propose

# One that is mastered, one that improves, one that is out of reach, one not yet measured.
RECORDS = TaskRecords(
    returns=jnp.array([1.0, 0.6, 0.0, 0.0]),
    slow_returns=jnp.array([1.0, 0.2, 0.0, 0.0]),
    successes=jnp.array([1.0, 0.5, 0.0, 0.0]),
    measured=jnp.array([True, True, True, False]),
)
KEYS = jax.random.split(jax.random.key(0), 40)


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        (AllAlike(), [1, 1, 1]),
        (ByProgress(), [0, 0.4, 0]),
        (WorstFirst(), [1 / 3, 1 / 2, 1]),
        (SuccessWindow(), [0, 1, 0]),
        (SuccessWindow(low=0.0, high=0.5), [0, 1, 1]),
    ],
)
def test_a_rule_prefers_what_it_says(rule, weights):
    np.testing.assert_allclose(rule.weights(RECORDS)[:3], weights, rtol=1e-6)


def play(curriculum, success, num_cycles=40):
    """Cycles in which a task is solved as `success` says; what was proposed, and metrics."""
    begun, seen = going(curriculum), []
    for key in KEYS[:num_cycles]:
        begun, proposal = propose(begun, key)
        seen.append(np.asarray(proposal.levels))
        solved = success(proposal.levels)
        evidence = evidence_of(
            solved[None, :, None], successes=solved[None, :, None] > 0, levels=proposal.levels
        )
        begun, metrics = learn(begun, proposal, evidence, key)
    return np.concatenate(seen), metrics, begun


def tasks(numbers):
    return FixedLevels(jnp.asarray(numbers, jnp.int32))


def test_tasks_are_measured_by_name_and_the_worst_is_played_most():
    curriculum = FixedTasks(tasks([5, 6, 7]), WorstFirst(0.3), num_levels=8, uniform_share=0.2)
    seen, metrics, _ = play(curriculum, lambda levels: (levels != 6).astype(jnp.float32))
    counts = {number: (seen == number).sum() for number in (5, 6, 7)}
    assert min(counts.values()) > 0
    assert counts[6] > counts[5] + counts[7]
    assert metrics["task_1_return"] == metrics["lowest_task_return"] == 0
    assert metrics["task_0_success_rate"] == metrics["task_2_return"] == 1
    assert metrics["task_1_chance"] > 0.7
    assert metrics["tasks_measured"] == 3


def test_a_running_mean_moves_once_in_a_cycle_by_all_plays_of_a_task():
    curriculum = FixedTasks(tasks([5]), num_levels=4, rate=0.5)
    begun = going(curriculum)
    for returns in ([0, 0, 2, 2], [3, 3, 3, 3]):
        begun, proposal = propose(begun, KEYS[0])
        evidence = evidence_of(jnp.array(returns, jnp.float32)[None, :, None])
        begun, metrics = learn(begun, proposal, evidence, KEYS[0])
    records = begun.state.records
    assert (records.returns[0], records.slow_returns[0]) == (2.0, 1.5)
    assert metrics["task_progress"] == 0.5
    unfinished = evidence_of(jnp.ones((1, 4, 1)), finished=False)
    after, _ = learn(begun, proposal, unfinished, KEYS[0])
    assert after.state.records.returns[0] == 2.0
    # A run whose state is not a number is stopped.
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(going(curriculum).state))


def test_no_task_that_is_held_back_is_ever_proposed():
    curriculum = FixedTasks(FewLevels(Numbers(), 30), num_levels=8, test_share=0.4)
    seen, metrics, begun = play(curriculum, lambda levels: (levels % 2).astype(jnp.float32), 20)
    held_back = jax.vmap(lambda level: is_held_back(level, 0.4))(begun.state.tasks.levels)
    tests = np.asarray(begun.state.tasks.levels)[np.asarray(held_back)]
    assert 0 < len(tests) < 30
    assert not set(seen.tolist()) & set(tests.tolist())
    assert metrics["test_tasks_proposed"] == 0
    # And where one is, it is noticed.
    _, proposal = propose(begun, KEYS[0])
    proposal = type(proposal)(proposal.levels.at[0].set(int(tests[0])), memory=proposal.memory)
    _, metrics = learn(begun, proposal, evidence_of(jnp.ones((1, 8, 1))), KEYS[0])
    assert metrics["test_tasks_proposed"] == 1


def test_few_levels_are_the_same_in_every_run_and_stay_when_there_are_more():
    names, few = FewLevels(Numbers(), 3).list_levels(NUMBER)
    _, more = FewLevels(Numbers(), 5).list_levels(NUMBER)
    later_names, later = FewLevels(Numbers(), 2, first=3).list_levels(NUMBER)
    assert (names, later_names) == (("0", "1", "2"), ("3", "4"))
    assert more.tolist() == few.tolist() + later.tolist()
    sample = jax.vmap(lambda key: FewLevels(Numbers(), 3).sample(NUMBER, key=key))
    assert set(sample(KEYS).tolist()) == set(few.tolist())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedTasks(Numbers()), "Numbers, which has no list of levels; take"),
        (lambda: FixedTasks(tasks([5]), test_share=1.0), "All 1 tasks of FixedTasks are held back"),
        (lambda: FixedTasks(tasks([5]), rate=2.0), "FixedTasks.rate is 2.0"),
        (lambda: SuccessWindow(low=-1.0), "SuccessWindow.low is -1.0"),
        (lambda: FewLevels(Numbers(), 0), "FewLevels.num_different is 0"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        going(make())
