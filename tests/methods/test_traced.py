"""TRACED (arXiv 2506.19997): its score, whose model learns, and its bonus."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import LevelReplay, NewAndReplayed, Rank, Sequential, SideBySide
from minimax_eqx.curricula._co_learnability import CoLearnability
from minimax_eqx.curricula._lessons import Replayed
from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import TRACED, PositiveValueLoss
from minimax_eqx.scores._returns import MeanReturn
from minimax_eqx.scores._transition_model import Learned

from ..evidence import begin, evaluate, random_evidence, structure
from ..numbered_levels import Numbers, evidence_of, going, learn, propose

SIZES = {"model_filters": 2, "model_size": 4}
Traced = functools.partial(TRACED, **SIZES)
BATCH, CAPACITY = 4, 10


class View(eqx.Module):
    image: jax.Array


def seen_and_done(observations, seed=0):
    """Random plays, with observations made of random numbers with the axes of a step."""
    evidence = random_evidence(seed)
    shape, generator = evidence.rewards.shape, np.random.default_rng(seed)
    return dataclasses.replace(evidence, observations=observations(generator, shape))


def numbers(generator, shape):
    return {"a": jnp.asarray(generator.random((*shape, 2)), jnp.float32)}


def images(generator, shape):
    return View(jnp.asarray(generator.integers(0, 11, (*shape, 3, 3, 2)), jnp.uint8))


def ones(generator, shape):
    return jnp.ones((*shape, 2))


def always_one(state):
    """The state with a model of numbers that predicts 1, whatever it saw."""
    last = lambda state: state.model.decoder.layers[-1]  # noqa: E731
    weights = lambda state: (last(state).weight, last(state).bias)  # noqa: E731
    constant = (jnp.zeros_like(last(state).weight), jnp.ones_like(last(state).bias))
    return eqx.tree_at(weights, state, constant)


def episodes_of(dones):
    """The steps of each finished episode of one play."""
    ends = np.flatnonzero(dones)
    return [np.arange(b, e + 1) for b, e in zip([0, *ends[:-1] + 1], ends, strict=False)]


def test_a_model_that_is_always_right_leaves_the_positive_value_loss():
    evidence = seen_and_done(ones)
    records, state = begin(Traced(), evidence)
    scores, _, _ = evaluate(Traced(), evidence, records, always_one(state))
    np.testing.assert_allclose(scores, PositiveValueLoss().formula(evidence), rtol=1e-5)


@pytest.mark.parametrize("per_step", [True, False])
def test_an_episode_of_n_steps_has_the_errors_of_its_pairs_of_steps(per_step):
    evidence = seen_and_done(numbers)
    score = Traced(prediction_weight=3.0, per_step=per_step)
    records, state = begin(score, evidence)
    scores, _, _ = evaluate(score, evidence, records, always_one(state))
    wrong = np.square(1 - np.asarray(evidence.observations["a"])).mean(-1)
    gains = np.maximum(np.asarray(evidence.advantages)[..., 0], 0)
    num_students, _, num_levels, num_trials = gains.shape
    for level in range(num_levels):
        means = []
        for student in range(num_students):
            found = []
            for trial in range(num_trials):
                play = (student, slice(None), level, trial)
                for steps in episodes_of(np.asarray(evidence.dones)[play]):
                    error = wrong[play][steps[1:]].mean() if len(steps) > 1 else 0.0
                    of_episode = gains[play][steps].mean() + 3.0 * error
                    found.append(of_episode if per_step else of_episode * len(steps))
            means.append(np.mean(found) if found else 0.0)
        assert scores[level] == pytest.approx(np.mean(means), rel=1e-4)


def test_what_happens_in_one_episode_does_not_change_the_errors_of_another():
    evidence = seen_and_done(numbers)
    learned = Learned.create(structure(evidence), 2, 4, key=jax.random.key(0))
    ends_before = jnp.cumsum(evidence.dones, axis=1) - evidence.dones.astype(jnp.int32)
    is_first = ends_before == 0
    other = eqx.tree_at(
        lambda e: e.observations["a"],
        evidence,
        jnp.where(is_first[..., None], 0.0, evidence.observations["a"]),
    )
    fit = eqx.filter_jit(lambda evidence: learned.fit(evidence, 1e-4, 1)[0])
    np.testing.assert_array_equal(
        jnp.where(is_first, 0.0, fit(evidence)), jnp.where(is_first, 0.0, fit(other))
    )
    assert jnp.any(jnp.where(is_first, fit(evidence) != fit(other), False))


@pytest.mark.parametrize("observations", [numbers, images], ids=["numbers", "images"])
def test_the_model_learns(observations):
    evidence = seen_and_done(observations)
    score = Traced(model_learning_rate=1e-2)
    records, state = begin(score, evidence)
    assert jnp.isnan(score.metrics(state)["model_loss"])
    scores, _, state = evaluate(score, evidence, records, state)
    finished = Episodes.of(evidence).finished_on_level
    assert jnp.all(jnp.where(finished, scores > 0, scores == 0))
    first_loss = state.loss
    for _ in range(5):
        _, _, state = evaluate(score, evidence, records, state)
    assert state.loss < first_loss


def test_scores_are_those_of_the_model_before_it_learns():
    evidence = seen_and_done(numbers)
    _, state = begin(Traced(), evidence)
    fit = eqx.filter_jit(lambda rate, num_steps: state.fit(evidence, rate, num_steps))
    (errors, once), (same_errors, twice) = fit(1e-4, 1), fit(1e-2, 2)
    np.testing.assert_allclose(errors, same_errors, rtol=1e-6)
    assert not eqx.tree_equal(once, twice)


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_gradient_steps", 0), ("model_size", 0), ("model_learning_rate", 0.0)],
)
def test_a_model_that_could_not_learn_is_refused(field, value):
    with pytest.raises(ValueError, match=f"TRACED.{field} is {value}"):
        TRACED(**{field: value})


def contents(curriculum):
    """The slots and scores of stored levels, by number."""
    buffer = curriculum.buffer
    return {
        int(buffer.levels[slot]): (int(slot), float(buffer.scores[slot]))
        for slot in np.flatnonzero(buffer.filled)
    }


@pytest.mark.parametrize("learn_from", [Replayed(), NewAndReplayed()], ids=repr)
@pytest.mark.parametrize("schedule", [Sequential(0.6), SideBySide()], ids=repr)
def test_levels_scored_before_an_update_get_the_mean_fall_of_scores_after_it(
    schedule, learn_from, getkey
):
    curriculum = going(
        LevelReplay(
            Numbers(),
            MeanReturn(),
            num_levels=BATCH,
            capacity=CAPACITY,
            schedule=schedule,
            learn_from=learn_from,
            prioritisation=CoLearnability(co_learnability=2.0),
        )
    )
    bonus, previous, scored, fall, known = {}, set(), set(), {}, {}
    generator, num_given = np.random.default_rng(0), 0
    for _ in range(16):
        curriculum, proposal = propose(curriculum, getkey())
        # Some scores are what they were before, and some levels are never finished.
        returns = generator.integers(0, 4, len(proposal.levels))
        numbers = np.asarray(proposal.levels).tolist()
        finished = {n: generator.random() < 0.8 for n in numbers}
        evidence = evidence_of(
            returns[:, None], finished=np.array([[finished[n]] for n in numbers])
        )
        curriculum, _ = learn(curriculum, proposal, evidence, getkey())
        now = contents(curriculum)
        for level in {n for n in numbers if finished[n] and n in now}:
            fall[level] = known[level][1] - now[level][1] if level in known else 0.0
            scored.add(level)
            bonus[level] = 0.0
        scored, previous = scored & now.keys(), previous & now.keys()
        if proposal.update_students is None or proposal.update_students:
            mean = np.mean([fall[level] for level in scored]) if scored else 0.0
            for level in previous:
                bonus[level] += 2.0 * mean
                num_given += mean != 0
            previous, scored = scored, set()
        known = now
        for level, (slot, _) in now.items():
            given = curriculum.state.prioritisation.bonus[slot]
            np.testing.assert_allclose(given, bonus[level], atol=1e-5)
    assert num_given > 0


def test_a_bonus_counts_for_replay_and_not_for_admission():
    part, rank = CoLearnability(), Rank()
    curriculum = going(LevelReplay(Numbers(), prioritisation=part, num_levels=2, capacity=3))
    buffer = dataclasses.replace(
        curriculum.buffer, scores=jnp.array([1.0, 2.0, 3.0]), filled=jnp.ones(3, bool)
    )
    state = dataclasses.replace(part.init(3), bonus=jnp.array([5.0, 0.0, 0.0]))
    slots = (buffer.scores, jnp.array([2, 1, 0], jnp.int32), buffer.filled, None)
    np.testing.assert_array_equal(
        part.admission_weights(state, *slots), rank.admission_weights(None, *slots)
    )
    assert jax.numpy.argmax(part.replay_weights(state, buffer)) == 0
    assert jax.numpy.argmax(rank.replay_weights(None, buffer)) == 2
