"""Level replay where a level's number says what it is: thousands name a generated level, the rest
counts the edits that it went through. So every level's kind, parent and history can be read off."""

import collections
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import Easiest, LevelReplay, NewAndReplayed, Rank, Sequential, SideBySide
from minimax_eqx.curricula._lessons import Replayed
from minimax_eqx.curricula._level_replay import _stock_of
from minimax_eqx.curricula._parents import Hardest, WholeBatch
from minimax_eqx.curricula._prioritisation import Proportional
from minimax_eqx.envs import AbstractLevelMutator
from minimax_eqx.envs._mutator import NoEdit
from minimax_eqx.scores import MaxMC
from minimax_eqx.scores._returns import MeanReturn
from minimax_eqx.scores._values import L1ValueLoss

from ..numbered_levels import Numbers, evidence_of, going, learn, propose
from .buffers import fingerprints_of

BATCH, CAPACITY = 4, 12
MEAN_RETURN = MeanReturn()
SCHEDULES = {"one kind": Sequential(0.5), "side by side": SideBySide()}
ALWAYS = {"one kind": Sequential(1.0), "side by side": SideBySide()}
FORMS = pytest.mark.parametrize("form", SCHEDULES)


class CountEdit(AbstractLevelMutator):
    """The same mutant of equal parents always."""

    def mutate(self, level, *, key):
        return level + 1


class Scatter(AbstractLevelMutator):
    """Another mutant each time, within the parent's thousand."""

    def mutate(self, level, *, key):
        return level // 1000 * 1000 + jax.random.randint(key, (), 1, 1000)


def create(score=MEAN_RETURN, num_students=1, **options):
    defaults = {"num_levels": BATCH, "capacity": CAPACITY, "min_fill_ratio": 1.0}
    defaults["schedule"] = Sequential(1.0)
    return going(LevelReplay(Numbers(1000), score, **{**defaults, **options}), num_students)


def returns_of(numbers):
    """A level's return by its number, as random as can be, but higher with every edit."""
    numbers = np.asarray(numbers, np.int64)
    return numbers % 1000 + numbers // 1000 * 7919 % 1009 / 1009


def cycle(curriculum, key):
    """One cycle, in which levels give their return."""
    propose_key, learn_key = jax.random.split(key)
    curriculum, proposal = propose(curriculum, propose_key)
    evidence = evidence_of(returns_of(proposal.levels)[:, None])
    curriculum, metrics = learn(curriculum, proposal, evidence, learn_key)
    return curriculum, proposal, metrics


def stored(curriculum):
    """The numbers in the buffer and their slots."""
    filled = np.asarray(curriculum.buffer.filled)
    numbers = np.asarray(curriculum.buffer.levels)
    return {int(numbers[slot]): slot for slot in np.flatnonzero(filled)}


def of_kind(proposal, name):
    return np.asarray(proposal.levels)[np.asarray(proposal.groups[name])]


def full(**options):
    """A curriculum whose buffer is full of generated levels with their scores."""
    curriculum = create(**options)
    buffer = curriculum.buffer
    levels = 1000 * jnp.arange(1, 1 + buffer.capacity, dtype=jnp.int32)
    scores = jnp.asarray(returns_of(levels), jnp.float32)
    buffer = dataclasses.replace(
        buffer,
        levels=levels,
        fingerprints=fingerprints_of(levels),
        scores=scores,
        filled=jnp.ones(buffer.capacity, bool),
    )
    return curriculum.with_buffer(buffer)


def replay_distribution(curriculum):
    rules = _stock_of(curriculum.curriculum, curriculum.state).rules
    return rules.replay_distribution(curriculum.buffer)


@FORMS
def test_every_level_is_of_the_kind_that_its_label_says(getkey, form):
    """New ones were never edited, replayed ones are stored, mutants are a replayed level's."""
    curriculum = create(schedule=SCHEDULES[form], mutator=CountEdit())
    replayed, kinds = np.array([]), set()
    for _ in range(9):
        known = stored(curriculum)
        after, proposal, metrics = cycle(curriculum, getkey())
        new, mutated = of_kind(proposal, "new"), of_kind(proposal, "mutated")
        if form == "side by side" or len(of_kind(proposal, "replayed")):
            replayed = of_kind(proposal, "replayed")
        assert (new % 1000 == 0).all()
        assert len({*new.tolist()} - known.keys()) == len(new)
        assert set(of_kind(proposal, "replayed").tolist()) <= known.keys()
        assert set(mutated - 1) <= set(replayed)
        sizes = [len(of_kind(proposal, kind)) for kind in ("new", "replayed", "mutated")]
        assert sum(sizes) == curriculum.curriculum.levels_per_cycle
        assert float(metrics["replay_ratio"]) == pytest.approx(sizes[1] / sum(sizes))
        kinds.add(tuple(sizes))
        curriculum = after
    side_by_side = {(3 * BATCH, 0, 0), (BATCH, BATCH, BATCH)}
    assert kinds == (side_by_side if form == "side by side" else {(4, 0, 0), (0, 4, 0), (0, 0, 4)})


@FORMS
@pytest.mark.parametrize("parents", [WholeBatch(), Hardest(2)], ids=repr)
def test_the_mutations_of_a_level_are_counted_through_all_generations(getkey, form, parents):
    curriculum = create(schedule=SCHEDULES[form], mutator=CountEdit(), parents=parents)
    for _ in range(12):
        curriculum, proposal, metrics = cycle(curriculum, getkey())
        memory, buffer = proposal.memory, curriculum.buffer
        np.testing.assert_array_equal(memory.num_mutations, np.asarray(proposal.levels) % 1000)
        edits = np.asarray(buffer.levels)[np.asarray(buffer.filled)] % 1000
        np.testing.assert_array_equal(np.asarray(buffer.num_mutations)[buffer.filled], edits)
        np.testing.assert_allclose(metrics["buffer_mean_mutations"], edits.mean(), rtol=1e-6)
        # A mutant is its parent's number and one.
        numbers = np.asarray(buffer.levels)[np.asarray(buffer.filled)]
        parents = np.array(fingerprints_of(jnp.asarray(numbers - 1)))
        parents[edits == 0] = 0
        np.testing.assert_array_equal(np.asarray(buffer.notes.parents)[buffer.filled], parents)
    assert edits.max() > 1


def test_plays_are_counted_and_the_last_success_rate_is_kept(getkey):
    """In a buffer with room for all; where nobody finishes an episode, the old rate stays."""
    curriculum = create(schedule=Sequential(0.7), capacity=12 * BATCH, min_fill_ratio=0.1)
    plays, rates = collections.Counter(), {}
    for round_ in range(10):
        propose_key, learn_key = jax.random.split(getkey())
        curriculum, proposal = propose(curriculum, propose_key)
        numbers, finished = np.asarray(proposal.levels), np.full(BATCH, round_ != 8)
        solved = (numbers // 1000 + round_) % 2 == 0
        evidence = evidence_of(
            returns_of(numbers)[:, None], finished=finished[:, None], successes=solved[:, None]
        )
        curriculum, _ = learn(curriculum, proposal, evidence, learn_key)
        for number in numbers.tolist():
            if finished[0] or number in plays:
                plays[number] += 1
        rates |= dict(zip(numbers.tolist(), solved.tolist(), strict=True)) if finished[0] else {}
        notes = curriculum.buffer.notes
        of_number = stored(curriculum)
        assert {n: int(notes.num_plays[slot]) for n, slot in of_number.items()} == plays
        assert {n: float(notes.success_rates[slot]) for n, slot in of_number.items()} == rates
    assert max(plays.values()) > 1


@FORMS
def test_every_stored_level_has_its_own_score(getkey, form):
    curriculum = create(schedule=SCHEDULES[form], mutator=CountEdit())
    for _ in range(8):
        curriculum, _, metrics = cycle(curriculum, getkey())
        scores = np.asarray(curriculum.buffer.scores)
        of_number = {number: scores[slot] for number, slot in stored(curriculum).items()}
        expected = {number: pytest.approx(returns_of(number)) for number in of_number}
        assert of_number == expected
        np.testing.assert_allclose(
            metrics["buffer_mean_score"], np.mean([*of_number.values()]), rtol=1e-5
        )
        chances = replay_distribution(curriculum)
        for name, value in curriculum.buffer.statistics(chances).items():
            np.testing.assert_allclose(metrics[f"buffer_{name}"], value, rtol=1e-5)


@FORMS
@pytest.mark.parametrize(("parents", "sign"), [(Easiest(2), 1), (Hardest(2), -1)], ids=repr)
def test_parents_are_chosen_by_their_scores_and_each_has_mutants_that_differ(
    getkey, form, parents, sign
):
    """Whichever slots they are in; with little regard to scores when it is drawn what to replay."""
    curriculum = full(
        schedule=ALWAYS[form],
        mutator=Scatter(),
        parents=parents,
        prioritisation=Rank(1e3),
        staleness_coef=1.0,
    )
    edits = []
    for _ in range(3):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        replayed = of_kind(proposal, "replayed")
        if form == "one kind":
            curriculum, proposal, _ = cycle(curriculum, getkey())
        mutants = of_kind(proposal, "mutated")
        # A mutant that is replayed has its own number, but its parent's thousand.
        in_order = replayed[np.argsort(sign * returns_of(replayed), kind="stable")]
        expected = np.tile(in_order[:2] // 1000, BATCH // 2)
        np.testing.assert_array_equal(np.sort(mutants // 1000), np.sort(expected))
        edits += (mutants % 1000).tolist()
    assert len(set(edits)) >= len(edits) - 1  # two of a thousand may be alike


@FORMS
def test_what_is_replayed_comes_from_the_distribution_of_the_buffer(getkey, form):
    curriculum = full(schedule=ALWAYS[form], prioritisation=Rank(1.0))
    ages = jnp.arange(CAPACITY, dtype=jnp.int32)[::-1]
    curriculum = curriculum.with_buffer(dataclasses.replace(curriculum.buffer, ages=ages))
    keys = jax.random.split(getkey(), 4000)
    # The replayed levels come first, and the first of them is drawn before any age has changed.
    first = jax.jit(jax.vmap(lambda key: propose(curriculum, key)[1].levels[0]))(keys)
    drawn = np.mean(np.asarray(first)[:, None] == np.asarray(curriculum.buffer.levels), axis=0)
    expected = np.asarray(replay_distribution(curriculum))
    assert expected.max() > 2 * expected.min()
    np.testing.assert_allclose(drawn, expected, atol=0.03)


@FORMS
def test_ages_count_the_draws_since_a_level_was_drawn(getkey, form):
    curriculum = full(schedule=ALWAYS[form])
    for _ in range(3):
        slots, before = stored(curriculum), np.asarray(curriculum.buffer.ages)
        curriculum, proposal = propose(curriculum, getkey())
        expected = before + BATCH
        for place, number in enumerate(of_kind(proposal, "replayed").tolist()):
            expected[slots[number]] = BATCH - 1 - place
        np.testing.assert_array_equal(curriculum.buffer.ages, expected)


@FORMS
def test_levels_grow_older_while_others_are_new_and_not_while_mutants_are_played(getkey, form):
    # Enough for two cycles of new levels at least.
    capacity = CAPACITY * (2 if form == "side by side" else 1)
    curriculum = create(schedule=ALWAYS[form], mutator=CountEdit(), capacity=capacity)
    ages = []
    while not np.asarray(curriculum.buffer.filled).all():
        before = curriculum.buffer
        curriculum, _, _ = cycle(curriculum, getkey())
        old = np.asarray(before.filled)
        grown = (np.asarray(curriculum.buffer.ages) - np.asarray(before.ages))[old]
        ages += grown.tolist()
        assert (np.asarray(curriculum.buffer.ages)[~old] == 0).all()
    assert set(ages) == {BATCH}
    if form == "one kind":
        curriculum, _, _ = cycle(curriculum, getkey())
        after, proposal = propose(curriculum, getkey())
        assert proposal.groups["mutated"].all()
        np.testing.assert_array_equal(after.buffer.ages, curriculum.buffer.ages)


@FORMS
def test_the_best_return_of_each_student_is_remembered_while_returns_fall(getkey, form):
    """Values are 0, so that the score is the mean over students of their best returns so far.
    Mutants are copies, which have the records of what they are copies of."""
    curriculum = create(MaxMC(), 2, schedule=ALWAYS[form], capacity=2 * BATCH, mutator=NoEdit())
    best = {}
    # Nothing but the levels of the first cycles is good enough to stay.
    for fall in (1.0, 1.0, 0.5, 0.25, 0.125):
        propose_key, learn_key = jax.random.split(getkey())
        curriculum, proposal = propose(curriculum, propose_key)
        numbers = np.asarray(proposal.levels)
        of_one = 1 + returns_of(numbers)
        returns = fall * np.stack([of_one, 3 + of_one[::-1]])
        for number, own in zip(numbers.tolist(), returns.T, strict=True):
            best[number] = np.maximum(best.get(number, -np.inf), own)
        curriculum, _ = learn(curriculum, proposal, evidence_of(returns[..., None]), learn_key)
        records, scores = curriculum.buffer.records, curriculum.buffer.scores
        for number, slot in stored(curriculum).items():
            np.testing.assert_allclose(records[slot], best[number], rtol=1e-6)
            np.testing.assert_allclose(scores[slot], best[number].mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "num_update_levels", "with_new_levels", "updates"),
    [
        ({"schedule": SideBySide()}, BATCH, False, [False, True]),
        (
            {"schedule": SideBySide(), "learn_from": NewAndReplayed()},
            2 * BATCH,
            True,
            [True, True],
        ),
        ({"learn_from": NewAndReplayed()}, None, True, [True, True]),
        ({"learn_from": Replayed()}, None, False, [False, True]),
    ],
    ids=str,
)
def test_students_learn_from_the_kinds_that_the_method_says(
    getkey, options, num_update_levels, with_new_levels, updates
):
    for curriculum, update in zip((create(**options), full(**options)), updates, strict=True):
        proposal = propose(curriculum, getkey())[1]
        assert proposal.num_update_levels == num_update_levels
        told = proposal.update_students
        assert (True if told is None else bool(told)) == update
    learned_from = slice(None, num_update_levels)
    assert bool(proposal.groups["replayed"][learned_from].any())
    if "schedule" in options:
        assert bool(proposal.groups["new"][learned_from].any()) == with_new_levels


def test_the_chances_of_replaying_are_those_of_the_prioritisation_given():
    curriculum = full(score=L1ValueLoss(), prioritisation=Proportional(0.5), staleness_coef=0.0)
    scores = np.asarray(curriculum.buffer.scores)
    expected = scores**2 / np.sum(scores**2)
    np.testing.assert_allclose(replay_distribution(curriculum), expected, rtol=1e-4)
