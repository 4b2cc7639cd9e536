"""CENIE (arXiv 2502.05726): novelty beside regret, and replay by both."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import LevelReplay, Rank
from minimax_eqx.curricula._both_scores import BothScores
from minimax_eqx.curricula._insertion import Slots
from minimax_eqx.curricula._prioritisation import Proportional
from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import MaxMC
from minimax_eqx.scores._cenie import CENIE
from minimax_eqx.scores._gaussians import Gaussians
from minimax_eqx.scores._second_score import SecondScore

from ..evidence import KEY, begin, evaluate, random_evidence
from ..numbered_levels import Numbers, going, propose

SMALL = CENIE(num_components=2, window=64, num_new_pairs=32, num_features=4, refit_every=1)


def after_updates(evidence, number):
    """The same play, by students that have learned that often."""
    updates = jnp.full(evidence.num_students, number, jnp.int32)
    return eqx.tree_at(lambda e: e.students.num_updates, evidence, updates)


def novelty_of(evidence, records, state):
    _, news, state = evaluate(SMALL, evidence, records, state)
    return news.value, state


def test_a_level_that_was_trained_on_is_less_new_than_a_shifted_copy():
    evidence = random_evidence(0)
    finished = Episodes.of(evidence).finished_on_level
    records, state = begin(SMALL, evidence)
    unknown, state = novelty_of(evidence, records, state)
    assert jnp.all(unknown == 0)  # nothing was trained on
    same, not_learned = novelty_of(evidence, records, state)
    assert jnp.all(same == 0)  # nor since
    assert not_learned.coverage.num_pairs == 0
    known, state = novelty_of(after_updates(evidence, 1), records, state)
    assert (int(state.coverage.num_lessons), int(state.coverage.num_pairs)) == (1, 32)
    shifted = dataclasses.replace(evidence, observations=evidence.observations + 3)
    new, _ = novelty_of(after_updates(shifted, 1), records, state)
    assert jnp.all(jnp.where(finished, new > known + 1, new == known))
    # The score is that of regret.
    scores, _, _ = evaluate(SMALL, evidence, records, state)
    np.testing.assert_array_equal(scores, evaluate(MaxMC(), evidence, records.own)[0])


def test_a_mixture_finds_clusters_and_has_the_density_of_its_formula():
    generator = np.random.default_rng(0)
    centres = np.array([[-2.0, 0.0], [3.0, 1.0]])
    points = jnp.asarray(centres[np.arange(60) % 2] + 0.5 * generator.normal(size=(60, 2)))
    points = points.astype(jnp.float32)
    counts = (jnp.arange(60) < 40).astype(jnp.float32)
    fitted = Gaussians.at(points[:2]).fitted(points, counts, 20, 1e-2)
    for cluster in range(2):
        own = np.asarray(points)[:40][cluster::2]
        np.testing.assert_allclose(fitted.means[cluster], own.mean(0), atol=1e-2)
        np.testing.assert_allclose(fitted.variances[cluster], own.var(0) + 1e-2, rtol=2e-2)
    np.testing.assert_allclose(jnp.exp(fitted.log_weights), 0.5, atol=1e-2)
    means, variances = np.asarray(fitted.means), np.asarray(fitted.variances)
    distances = np.square(np.asarray(points)[:, None] - means) / variances
    shares = np.exp(-0.5 * distances.sum(-1)) / np.sqrt(np.prod(2 * np.pi * variances, -1))
    expected = np.log(shares @ np.exp(fitted.log_weights))
    np.testing.assert_allclose(fitted.log_density(points), expected, rtol=1e-4, atol=1e-4)


def slots(scores, others):
    number = len(scores)
    ones = jnp.ones(number)
    records = SecondScore(None, jnp.zeros(number, jnp.int32), jnp.array(others), ones)
    ages = jnp.zeros(number, jnp.int32)
    return Slots(jnp.array(scores), ages, jnp.ones(number, bool), ages, records)


def weights(part, at):
    ranks = jnp.argsort(jnp.argsort(-at.scores)).astype(jnp.int32)
    return part.admission_weights(None, at.scores, ranks, at.filled, at.records)


def test_chances_are_a_mixture_of_those_by_either_score():
    at = slots([1.0, 2.0, 5.0], [3.0, 1.0, 0.0])
    both = BothScores(Proportional(), Proportional(), second_share=0.25)
    expected = 0.75 * np.array([1, 2, 5]) / 8 + 0.25 * np.array([3, 1, 0]) / 4
    np.testing.assert_allclose(weights(both, at), expected, rtol=1e-6)
    alone = BothScores(second_share=1.0)  # by novelty, in strict order
    assert jnp.all(jnp.diff(weights(alone, at)) < 0)


def test_a_newcomer_comes_in_if_its_mixed_weight_is_at_least_that_of_the_level_it_meets():
    now, part = slots([1.0, 2.0, 5.0], [0.0, 4.0, 2.0]), BothScores(Rank(1.0), Rank(1.0))
    slot = jnp.argmin(weights(part, now))
    assert slot == 0
    novel, dull = slots([0.5, 2.0, 5.0], [9.0, 4.0, 2.0]), slots([0.5, 2.0, 5.0], [-1.0, 4.0, 2.0])
    worse = slots([1.0, 2.0, 5.0], [0.0, 4.0, 2.0])
    assert part.admits(None, now, novel, slot)  # though its score is lower
    assert part.admits(None, now, dull, slot)  # it would have the same ranks
    assert part.admits(None, now, worse, slot)
    ahead = jnp.array(1)
    behind = slots([1.0, 0.5, 5.0], [0.0, -1.0, 2.0])
    assert not part.admits(None, now, behind, ahead)


def test_a_score_without_a_second_one_is_refused():
    replay = LevelReplay(Numbers(), prioritisation=BothScores(), num_levels=2, capacity=3)
    with pytest.raises(ValueError, match="needs a score that keeps a second one"):
        propose(going(replay), KEY)
    with pytest.raises(ValueError, match=r"CENIE\.window is 8; it must be at least 32"):
        dataclasses.replace(SMALL, window=8)
