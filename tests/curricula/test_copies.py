"""Copies of a level in one batch: one score and one record, whatever their order."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.curricula import LevelReplay, Proposal, SamplingForLearnability
from minimax_eqx.curricula._kinds import Kind
from minimax_eqx.curricula._schedules import ReplayMemory
from minimax_eqx.scores import AbstractScore, Learnability, MaxMC, PositiveValueLoss
from minimax_eqx.scores._returns import MeanReturn

from ..evidence import make_evidence, structure
from ..numbered_levels import Going, Numbers, learn

BATCH = 6


class TimesPlayed(AbstractScore):
    """How often a level was ever played: a record in which nothing may count twice."""

    can_be_negative = False

    def init(self, evidence, *, key):
        return jnp.zeros(()), None

    def __call__(self, evidence, records, state):
        return records + 1, jnp.ones_like(records), state

    def merge(self, record, news):
        return record + news

    def metrics(self, state):
        return {}


SCORES = {
    "max_mc": MaxMC(),
    "mean_return": MeanReturn(),
    "learnability": Learnability(),
    "positive_value_loss": PositiveValueLoss(),
    "times_played": TimesPlayed(),
}


def evidence_of(returns, finished):
    """One student; two trials of two episodes of one step, or of none; values and advantages that
    differ from play to play."""
    returns = jnp.asarray(returns, jnp.float32)
    rewards = jnp.stack([returns, returns / 2], axis=-1)[None, None]
    rewards = jnp.broadcast_to(rewards, (1, 2, *rewards.shape[2:]))
    dones = jnp.broadcast_to(jnp.asarray(finished)[None, None, :, None], rewards.shape)
    return make_evidence(
        rewards,
        dones,
        values=(rewards / 4)[..., None],
        advantages=(rewards - 0.5)[..., None],
        successes=dones & (rewards > 0.5),
    )


def begun(curriculum):
    """A curriculum that begins, for such evidence."""
    num_levels = curriculum.levels_per_cycle
    evidence = structure(evidence_of(jnp.zeros(num_levels), np.ones(num_levels, bool)))
    return Going(curriculum, curriculum.init(evidence, key=jax.random.key(0)))


@functools.cache
def learner(name):
    """What a level buffer with room for all holds after one batch, as a compiled function."""
    score = SCORES[name]
    options = {"num_levels": BATCH, "capacity": 2 * BATCH}
    curriculum = begun(LevelReplay(Numbers(), score, **options))

    @jax.jit
    def take_in(numbers, returns, finished, num_mutations):
        memory = ReplayMemory(
            jnp.full(BATCH, Kind.NEW, jnp.int32),
            num_mutations,
            jnp.zeros((BATCH, 2), jnp.uint32),
            None,
        )
        proposal = Proposal(numbers, memory=memory)
        evidence = evidence_of(returns, finished)
        buffer = learn(curriculum, proposal, evidence, jax.random.key(0))[0].buffer
        rest = (buffer.scores, buffer.num_mutations, buffer.records)
        return buffer.levels, buffer.filled, rest

    def contents(plays):
        numbers, returns, finished, num_mutations = map(np.array, zip(*plays, strict=True))
        levels, filled, rest = take_in(
            jnp.asarray(numbers, jnp.int32),
            jnp.asarray(returns, jnp.float32),
            jnp.asarray(finished, bool),
            jnp.asarray(num_mutations, jnp.int32),
        )
        columns = [np.asarray(leaf)[np.asarray(filled)] for leaf in jax.tree.leaves(rest)]
        of_level = np.column_stack([column.astype(float) for column in columns])
        return dict(zip(np.asarray(levels)[np.asarray(filled)].tolist(), of_level, strict=True))

    return contents


plays = st.tuples(
    st.integers(1, 3),
    st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    st.booleans(),
    st.integers(0, 3),
)
batches = st.lists(plays, min_size=BATCH, max_size=BATCH)


@pytest.mark.parametrize("name", sorted(SCORES))
@given(batch=batches, order=st.permutations(range(BATCH)))
@settings(max_examples=20, deadline=None)
def test_what_is_stored_of_copies_does_not_depend_on_their_order(name, batch, order):
    contents = learner(name)
    one, other = contents(batch), contents([batch[i] for i in order])
    assert one.keys() == other.keys() == {play[0] for play in batch if play[2]}
    for level in one:
        np.testing.assert_allclose(one[level], other[level], rtol=1e-5, atol=1e-6)


def alone(number):
    """Plays of other levels that fill up a batch; nobody finishes an episode there."""
    return (number, 0.0, False, 0)


@pytest.mark.parametrize("returns", [(0.0, 0.8), (0.8, 0.0)])
def test_copies_for_max_mc_are_measured_by_the_best_return_of_all(returns):
    """Values are a quarter of the returns, whose mean over trials is three quarters of the best."""
    plays = [(1, value, True, 0) for value in returns]
    score, _, record = learner("max_mc")([*plays, *map(alone, range(10, 14))])[1]
    assert record == pytest.approx(0.8)
    assert score == pytest.approx(0.8 - np.mean(returns) * 0.75 / 4)


def test_what_copies_add_to_a_record_counts_once_for_each():
    plays = [(1, 0.0, True, 0)] * 3 + [(1, 0.0, False, 0), (2, 0.0, True, 0), alone(10)]
    stored = learner("times_played")(plays)
    assert stored[1].tolist() == [3, 0, 3]
    assert stored[2].tolist() == [1, 0, 1]


def test_of_copies_with_different_histories_the_shortest_is_kept():
    plays = [(1, 0.5, True, 3), (1, 0.5, True, 1), (1, 0.5, True, 2), *map(alone, range(10, 13))]
    assert learner("mean_return")(plays)[1][1] == 1


@pytest.mark.parametrize("returns", [(0.0, 0.8), (0.8, 0.0)])
def test_a_search_that_meets_a_level_twice_in_a_cycle_gives_it_one_score(returns):
    sizes = {"num_levels": 2, "num_plays": 1, "num_candidates": 2, "capacity": 2}
    search = begun(SamplingForLearnability(Numbers(), MeanReturn(), **sizes))
    proposal = Proposal(jnp.array([1, 1], jnp.int32))
    evidence = evidence_of(returns, [True, True])
    buffer = learn(search, proposal, evidence, jax.random.key(0))[0].buffer
    np.testing.assert_array_equal(buffer.filled, [True, False])
    np.testing.assert_allclose(buffer.scores[0], np.mean(returns) * 0.75, rtol=1e-6)
