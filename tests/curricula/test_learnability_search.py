"""Sampling for learnability: what a search plays and keeps, and what training draws from it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import FromLastSearch, SamplingForLearnability
from minimax_eqx.curricula._prioritisation import Proportional
from minimax_eqx.envs import AbstractLevelMutator
from minimax_eqx.scores import AbstractSelectiveFormula, MaxMC
from minimax_eqx.scores._returns import MeanReturn

from ..numbered_levels import Numbers, evidence_of, going, learn, propose

LEVELS, PLAYS, CANDIDATES, CAPACITY, TRAINING = 12, 3, 10, 4, 3
# 12 levels are 4 candidates of 3 plays each, so that 10 candidates take 3 cycles.
SEARCHING = 3
PERIOD = SEARCHING + TRAINING


def compose(**options):
    defaults = {
        "num_levels": LEVELS,
        "num_candidates": CANDIDATES,
        "num_plays": PLAYS,
        "capacity": CAPACITY,
        "num_training_cycles": TRAINING,
        "replay_share": 0.25,
    }
    return SamplingForLearnability(Numbers(), **{**defaults, **options})


def create(**options):
    return going(compose(**options))


def successes_of(numbers, num_trials=1):
    """The first so many plays of a candidate succeed, its trials included, by its number."""
    plays = PLAYS * num_trials
    successes = np.arange(plays) < (np.asarray(numbers)[::PLAYS] % (plays + 1))[:, None]
    return successes.reshape(LEVELS, num_trials)


def learnability_of(numbers, num_trials=1):
    plays = PLAYS * num_trials
    rate = np.asarray(numbers) % (plays + 1) / plays
    return rate * (1 - rate)


def cycle(curriculum, key, num_trials=1, finished=True):
    """One cycle in which candidates succeed by their number."""
    propose_key, learn_key = jax.random.split(key)
    curriculum, proposal = propose(curriculum, propose_key)
    successes = successes_of(proposal.levels, num_trials)
    evidence = evidence_of(
        np.zeros((1, LEVELS, num_trials)), successes=successes, finished=finished
    )
    curriculum, metrics = learn(curriculum, proposal, evidence, learn_key)
    return curriculum, proposal, metrics


def candidates_of(proposal):
    return np.asarray(proposal.levels)[::PLAYS]


def stored(curriculum):
    buffer = curriculum.buffer
    return np.asarray(buffer.levels)[np.asarray(buffer.filled)]


def assert_stored_are_the_best_of(curriculum, candidates, num_trials=1):
    buffer, numbers = curriculum.buffer, stored(curriculum)
    assert len(set(numbers)) == min(CAPACITY, len(candidates))
    assert set(numbers) <= set(candidates)
    scores = np.asarray(buffer.scores)[np.asarray(buffer.filled)]
    np.testing.assert_allclose(scores, learnability_of(numbers, num_trials), rtol=1e-6)
    best = np.sort(learnability_of(candidates, num_trials))[::-1][: len(numbers)]
    np.testing.assert_allclose(np.sort(scores)[::-1], best, rtol=1e-6)


def searched(getkey, **options):
    """A curriculum after its search, and the candidates that it tried."""
    curriculum, candidates = create(), []
    for _ in range(SEARCHING):
        curriculum, proposal, _ = cycle(curriculum, getkey(), **options)
        candidates += [*candidates_of(proposal)]
    return curriculum, candidates


def test_a_period_is_a_search_without_updates_and_then_training(getkey):
    curriculum, updates, searching = create(), [], []
    for _ in range(2 * PERIOD):
        curriculum, proposal, metrics = cycle(curriculum, getkey())
        updates.append(bool(proposal.update_students))
        searching.append(float(metrics["searching"]))
    assert updates == 2 * (SEARCHING * [False] + TRAINING * [True])
    assert searching == [0.0 if update else 1.0 for update in updates]


@pytest.mark.parametrize(
    ("num_candidates", "num_cycles"), [(8, 2), (9, 3), (12, 3), (13, 4)], ids=str
)
def test_a_search_has_as_many_cycles_as_its_candidates_take(num_candidates, num_cycles):
    assert compose(num_candidates=num_candidates).num_search_cycles == num_cycles


def test_a_search_plays_copies_of_each_candidate_side_by_side(getkey):
    curriculum, numbers = create(), []
    for phase in range(PERIOD + SEARCHING):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        if phase % PERIOD < SEARCHING:
            copies = np.asarray(proposal.levels).reshape(-1, PLAYS)
            np.testing.assert_array_equal(copies, np.broadcast_to(copies[:, :1], copies.shape))
            assert proposal.groups["new"].all()
            assert not proposal.groups["replayed"].any()
            numbers += [*copies[:, 0]]
    assert len(set(numbers)) == 2 * SEARCHING * LEVELS // PLAYS


@pytest.mark.parametrize("num_trials", [1, 2])
def test_a_search_keeps_the_most_learnable_by_their_own_plays(getkey, num_trials):
    """Copies and trials of a candidate are its plays."""
    curriculum, candidates = create(), []
    for _ in range(SEARCHING):
        curriculum, proposal, _ = cycle(curriculum, getkey(), num_trials)
        candidates += [*candidates_of(proposal)]
        assert_stored_are_the_best_of(curriculum, candidates, num_trials)
    assert learnability_of(stored(curriculum), num_trials).min() > 0


def test_every_search_starts_with_an_empty_buffer(getkey):
    """Though the levels kept before are better than any it finds."""
    curriculum, before = searched(getkey)
    perfect = jnp.full(CAPACITY, 0.25)
    buffer = dataclasses.replace(curriculum.buffer, scores=perfect)
    curriculum = curriculum.with_buffer(buffer)
    for _ in range(TRAINING):
        curriculum, _, _ = cycle(curriculum, getkey())
    candidates = []
    for _ in range(SEARCHING):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        candidates += [*candidates_of(proposal)]
        assert_stored_are_the_best_of(curriculum, candidates)
    assert not set(stored(curriculum)) & set(before)


def test_training_leaves_the_buffer_as_it_is(getkey):
    curriculum, _ = searched(getkey)
    kept, scores = stored(curriculum), np.asarray(curriculum.buffer.scores)
    for _ in range(TRAINING):
        curriculum, _, metrics = cycle(curriculum, getkey())
        np.testing.assert_array_equal(stored(curriculum), kept)
        np.testing.assert_array_equal(curriculum.buffer.scores, scores)
        assert float(metrics["buffer_fill_ratio"]) == 1
        np.testing.assert_allclose(metrics["buffer_mean_score"], scores.mean(), rtol=1e-6)


@pytest.mark.parametrize(("share", "num_replayed"), [(0.25, 3), (0.6, 7), (1.0, 12)])
def test_the_share_of_kept_levels_comes_first_and_the_others_are_new(getkey, share, num_replayed):
    curriculum, _ = searched(getkey)
    replayed = np.arange(LEVELS) < num_replayed
    curriculum = dataclasses.replace(curriculum, curriculum=compose(replay_share=share))
    proposal = propose(curriculum, getkey())[1]
    np.testing.assert_array_equal(proposal.groups["replayed"], replayed)
    np.testing.assert_array_equal(proposal.groups["new"], ~replayed)
    numbers, kept = np.asarray(proposal.levels), stored(curriculum)
    np.testing.assert_array_equal(np.isin(numbers, kept), replayed)
    new = numbers[~replayed]
    assert len(set(new)) == len(new)


def chances_of_slots(curriculum, key, num_draws=3000):
    """How often each slot is drawn first, in many proposals."""
    keys = jax.random.split(key, num_draws)
    drawn = jax.jit(jax.vmap(lambda key: propose(curriculum, key)[1].levels))(keys)
    slots = np.asarray(drawn)[:, :3].ravel()[:, None] == np.asarray(curriculum.buffer.levels)
    return slots.mean(axis=0)


def test_kept_levels_are_drawn_uniformly_whatever_their_scores(getkey):
    curriculum, _ = searched(getkey)
    chances = chances_of_slots(curriculum, getkey())
    np.testing.assert_allclose(chances, np.full(CAPACITY, 1 / CAPACITY), atol=0.02)


def test_slots_without_a_level_are_not_drawn(getkey):
    """Only two candidates were ever finished."""
    finished = np.isin(np.arange(LEVELS) // PLAYS, [1, 3])[:, None]
    curriculum, proposal, _ = cycle(create(num_candidates=4), getkey(), finished=finished)
    assert set(stored(curriculum)) == set(candidates_of(proposal)[[1, 3]])
    chances = chances_of_slots(curriculum, getkey())
    np.testing.assert_allclose(chances, [0.5, 0.5, 0, 0], atol=0.02)


def test_where_nothing_was_kept_all_levels_are_new(getkey):
    curriculum, _ = searched(getkey, finished=False)
    assert len(stored(curriculum)) == 0
    proposal = propose(curriculum, getkey())[1]
    assert bool(proposal.update_students)
    assert proposal.groups["new"].all()
    assert not proposal.groups["replayed"].any()
    assert len(set(np.asarray(proposal.levels))) == LEVELS


def test_the_search_can_be_for_another_score(getkey):
    curriculum, proposal = propose(create(score=MeanReturn()), getkey())
    returns = np.arange(LEVELS).reshape(1, LEVELS, 1)
    curriculum, _ = learn(curriculum, proposal, evidence_of(returns), getkey())
    numbers, scores = candidates_of(proposal).tolist(), curriculum.buffer.scores.tolist()
    of_number = dict(zip(stored(curriculum).tolist(), scores, strict=True))
    assert [of_number[number] for number in numbers] == [1, 4, 7, 10]


class PickyScore(AbstractSelectiveFormula):
    """Says what it was asked to score."""

    can_be_negative = False

    def check(self, evidence):
        levels = evidence.levels.shape[0]
        raise ValueError(
            f"{evidence.num_students} students, {levels} levels, {evidence.num_trials} trials"
        )

    def formula(self, evidence):
        return evidence.rewards[0, 0, :, 0]


def test_plays_and_trials_together_are_the_trials_of_the_score():
    with pytest.raises(ValueError, match="2 students, 4 levels, 12 trials"):
        going(compose(score=PickyScore()), num_students=2, num_trials=4)


def test_a_score_that_keeps_records_is_refused():
    message = "SamplingForLearnability: the score MaxMC keeps a record"
    with pytest.raises(ValueError, match=message):
        create(score=MaxMC())


@pytest.mark.parametrize(
    ("replay_share", "expected"),
    [(0.145, 14), (0.285, 28), (0.5, 50), (0.575, 58), (0.585, 58), (1.0, 100)],
)
def test_half_a_level_goes_to_the_even_number(replay_share, expected):
    # As floats, 0.575 of 100 are a little less than 57.5.
    options = {"num_levels": 100, "num_plays": 4, "replay_share": replay_share}
    assert compose(**options).num_replayed == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_plays": 5}, "num_plays is 5; it must divide num_levels, 12"),
        ({"capacity": 11}, "capacity is 11, more than the num_candidates, 10"),
        ({"capacity": 0}, "capacity is 0; it must be at least 1"),
        ({"num_levels": 0}, "num_levels is 0"),
        ({"num_candidates": 0}, "num_candidates is 0"),
        ({"num_plays": 0}, "num_plays is 0"),
        (
            {"score": MeanReturn(), "prioritisation": Proportional()},
            "SamplingForLearnability.prioritisation is Proportional, which needs scores",
        ),
        ({"num_training_cycles": 0}, "num_training_cycles is 0"),
        ({"replay_share": 1.1}, "replay_share is 1.1"),
        ({"replay_share": -0.1}, "replay_share is -0.1"),
        ({"replay_share": 0.0}, "replay_share is 0.0; of 12 levels that is none"),
        ({"replay_share": 0.04}, "replay_share is 0.04; of 12 levels that is none"),
    ],
    ids=str,
)
def test_a_search_that_makes_no_sense_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        compose(**options)


# What is not in the paper

FAR = 10_000_000


class FarAway(AbstractLevelMutator):
    """Edits have numbers of their own."""

    def mutate(self, level, *, key):
        del key
        return level + FAR


@pytest.mark.parametrize(("carry_over", "mutant_share"), [(True, None), (False, 0.25), (True, 0.5)])
def test_candidates_may_come_from_the_last_search(getkey, carry_over, mutant_share):
    options = {} if mutant_share is None else {"mutator": FarAway(), "mutant_share": mutant_share}
    curriculum = create(candidates=FromLastSearch(carry_over=carry_over, **options))
    first = []
    for _ in range(PERIOD):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        first += [] if bool(proposal.update_students) else [*candidates_of(proposal)]
    # Nothing had been kept before the first search.
    assert max(first) < FAR
    kept = stored(curriculum)
    candidates, groups = [], {}
    for _ in range(SEARCHING):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        candidates += [*candidates_of(proposal)]
        for name, members in proposal.groups.items():
            groups[name] = groups.get(name, []) + np.asarray(members)[::PLAYS].tolist()
    candidates, places = np.array(candidates), np.arange(SEARCHING * LEVELS // PLAYS)
    carried = (places < CAPACITY) & carry_over
    np.testing.assert_array_equal(candidates[carried], kept if carry_over else [])
    mutated = candidates > FAR
    assert set(candidates[mutated] - FAR) <= set(kept)
    share = 0 if mutant_share is None else mutant_share
    of_share = np.floor((places + 1) * share) > np.floor(places * share)
    np.testing.assert_array_equal(mutated, of_share & ~carried)
    np.testing.assert_array_equal(groups["replayed"], carried)
    np.testing.assert_array_equal(groups.get("mutated", mutated), mutated)
    np.testing.assert_array_equal(groups["new"], ~carried & ~mutated)
    assert_stored_are_the_best_of(curriculum, candidates.tolist())


def test_candidates_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="mutant_share is 1"):
        FromLastSearch(FarAway(), mutant_share=1.1)
    with pytest.raises(ValueError, match="no mutator and carry_over=False"):
        FromLastSearch(carry_over=False)


def test_kept_levels_may_be_drawn_by_their_scores(getkey):
    curriculum, _ = searched(getkey)
    scores = jnp.array([0.25, 0.05, 0.0, 0.2])
    buffer = dataclasses.replace(curriculum.buffer, scores=scores)
    curriculum = dataclasses.replace(
        curriculum.with_buffer(buffer), curriculum=compose(prioritisation=Proportional())
    )
    chances = chances_of_slots(curriculum, getkey())
    np.testing.assert_allclose(chances, [0.5, 0.1, 0, 0.4], atol=0.02)
