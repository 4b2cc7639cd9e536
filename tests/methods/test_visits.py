"""Scores that remember what the earlier cycles of a level came to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.scores._bidirectional_progress import BidirectionalProgress, stretched
from minimax_eqx.scores._kept_learnability import KeptLearnability
from minimax_eqx.scores._learning_progress import LearningProgress
from minimax_eqx.scores._learning_slope import LearningSlope

from ..evidence import begin, evaluate, one_play


def kept_learnability(cycles):
    successes = attempts = 0.0
    for plays in cycles[:-1]:
        successes, attempts = 0.9 * (successes + sum(plays)), 0.9 * (attempts + len(plays))
    rate = (successes + sum(cycles[-1]) + 1) / (attempts + len(cycles[-1]) + 2)
    return rate * (1 - rate) + 0.5 * rate


def learning_progress(cycles):
    return abs(np.mean(cycles[-1]) - np.mean(cycles[-2])) if len(cycles) > 1 else 0.7


def learning_slope(cycles):
    returns = [np.mean(plays) for plays in cycles][-3:]
    return abs(np.polyfit(range(len(returns)), returns, 1)[0]) if len(returns) > 1 else 0.3


def bidirectional_progress(cycles):
    fast = slow = 0.0
    for plays in cycles:
        fast = 0.2 * max(np.mean(plays) - 0.1, 0) / 0.9 + 0.8 * fast
        slow = 0.2 * fast + 0.8 * slow
    return abs(stretched(jnp.array(fast), 0.1) - stretched(jnp.array(slow), 0.1))


BY_HAND = {
    KeptLearnability(tie_break=0.5): kept_learnability,
    LearningProgress(first_visit=0.7): learning_progress,
    LearningSlope(window=3, first_visit=0.3): learning_slope,
    BidirectionalProgress(rate=0.2, baseline=0.1): bidirectional_progress,
}
every_score = pytest.mark.parametrize("score", BY_HAND, ids=lambda score: type(score).__name__)
# The outcomes of a level's plays, cycle by cycle; in some cycles it is not played.
HISTORY = [[1, 0, 1], [], [0], [0, 1], [], [], [1, 1, 1, 0], [1]]


def outcome(won):
    return one_play([won], [True], successes=jnp.array([bool(won)]))


@every_score
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_remembered_fades_once_in_a_cycle_whatever_the_order_of_its_plays(score, backwards):
    records, state = begin(score, outcome(0))
    merge, cycles = jax.vmap(score.merge), []
    for plays in [plays[::-1] if backwards else plays for plays in HISTORY]:
        told = [evaluate(score, outcome(won), records, state)[1] for won in plays]
        if plays:
            cycles.append(plays)
            # A copy is scored with what all others tell, whichever of them it is.
            for index in range(len(plays)):
                known = records
                for other in told[:index] + told[index + 1 :]:
                    known = merge(known, other)
                actual, _, _ = evaluate(score, outcome(plays[index]), known, state)
                expected = BY_HAND[score](cycles)
                np.testing.assert_allclose(actual, [expected], rtol=1e-4, atol=1e-6)
        for news in told:
            records = merge(records, news)
        state = state + 1


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.0, 0.0), (0.1, 0.5), (0.2, 0.692308), (0.3, 0.794118), (0.5, 0.9)]
)
def test_small_success_rates_are_drawn_apart(rate, expected):
    np.testing.assert_allclose(stretched(jnp.array(rate), 0.1), expected, rtol=1e-6)
    np.testing.assert_allclose(stretched(jnp.array(rate), 0.5), rate, rtol=1e-6)


def test_one_trial_is_enough_for_kept_counts():
    """A level won half of the time is worth more than one that is never won, or always."""
    score, worth = KeptLearnability(), {}
    for name, outcomes in {"never": [0] * 6, "now and then": [0, 1] * 3, "always": [1] * 6}.items():
        records, state = begin(score, outcome(0))
        for won in outcomes:
            worth[name], news, state = evaluate(score, outcome(won), records, state)
            records = jax.vmap(score.merge)(records, news)
    assert worth["now and then"] > worth["always"]
    np.testing.assert_allclose(worth["always"], worth["never"], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KeptLearnability(fade=1.5), "fade is 1.5; it must be between 0 and 1"),
        (lambda: LearningProgress(first_visit=-1.0), "first_visit is -1.0; it must be at least 0"),
        (lambda: LearningSlope(window=1), "window is 1; it must be at least 2"),
        (lambda: BidirectionalProgress(baseline=0.8), "baseline is 0.8; it must be between 0 and"),
    ],
)
def test_a_number_outside_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
