"""Scores of levels: the reference's numbers, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import scores
from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import MeanRelativeRegret, MeanReturn
from minimax_eqx.scores._score import init_memoryless
from minimax_eqx.scores._values import L1ValueLoss, ValueDisagreement

from ..evidence import (
    KEY,
    NUM_LEVELS,
    begin,
    evaluate,
    make_evidence,
    one_play,
    random_evidence,
    score_of,
    structure,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
REGRETS = {
    "relative_regret": scores.RelativeRegret(),
    "mean_relative_regret": MeanRelativeRegret(),
    "population_regret": scores.PopulationRegret(),
}
FORMULAS = {
    "return": MeanReturn(),
    "neg_return": scores.NegativeReturn(),
    "l1_value_loss": L1ValueLoss(),
    "positive_value_loss": scores.PositiveValueLoss(),
    "value_disagreement": ValueDisagreement(),
}

# The reference's numbers


def golden_cases(*numbers_of_students):
    return pytest.mark.parametrize(
        ("num_students", "num_trials", "style"),
        [
            (students, trials, style)
            for students in numbers_of_students
            for trials in (1, 2)
            for style in ("sparse", "dense")
        ],
    )


class GoldenCase:
    """What the reference recorded for one number of students and of trials."""

    def __init__(self, arrays, num_students, num_trials, style):
        self._arrays = arrays
        self._prefix = f"a{num_students}_e{num_trials}_{style}_"
        self.students = range(num_students)
        by_trial = lambda x: x.reshape(*x.shape[:2], NUM_LEVELS, num_trials, *x.shape[3:])  # noqa: E731
        self.given = {
            name: by_trial(self[name])
            for name in ("rewards", "dones", "values", "advantages", "value_ensemble")
        }
        self.records = jnp.asarray(self["previous_max_returns"].T)

    def __getitem__(self, name):
        return self._arrays[self._prefix + name]

    def evidence(self, student=None, ensemble=False):
        """Of all students, or of one on its own; with many value heads, or one."""
        given = self.given
        if student is not None:
            given = {name: array[student : student + 1] for name, array in given.items()}
        heads = {name: given[name][..., None] for name in ("values", "advantages")}
        if ensemble:
            heads = {"values": given["value_ensemble"]}
        return make_evidence(given["rewards"], given["dones"], **heads)

    def assert_equal(self, name, who, actual):
        """Compares with and without the mask of levels on which nobody finished an episode."""
        expected = f"score_{name}_{who}"
        np.testing.assert_allclose(actual, self[f"{expected}_noignore"], **CLOSE)
        counts = Episodes.of(self.evidence()).counts
        anybody = jnp.any(counts > 0, axis=0) if who == "joint" else counts > 0
        masked = jnp.where(anybody, actual, -jnp.inf)
        np.testing.assert_allclose(masked, self[f"{expected}_ignore"], **CLOSE)


@golden_cases(1, 2)
def test_scores_are_the_reference_s(golden, num_students, num_trials, style):
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    for name, score in FORMULAS.items():
        ensemble = name == "value_disagreement"
        case.assert_equal(name, "joint", score_of(score, case.evidence(ensemble=ensemble)))
        each = [score_of(score, case.evidence(student, ensemble)) for student in case.students]
        case.assert_equal(name, "per_agent", jnp.stack(each))


@golden_cases(1, 2)
def test_max_mc_is_the_reference_s(golden, num_students, num_trials, style):
    """The news are compared as what the reference stores: without the past, and at least 0."""
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    joint, news, _ = evaluate(scores.MaxMC(), case.evidence(), case.records)
    case.assert_equal("max_mc", "joint", joint)
    np.testing.assert_allclose(jnp.maximum(news, 0).T, case["max_mc_returned_max_returns"], **CLOSE)
    each = [
        evaluate(scores.MaxMC(), case.evidence(student), case.records[:, student : student + 1])[0]
        for student in case.students
    ]
    case.assert_equal("max_mc", "per_agent", jnp.stack(each))


@golden_cases(2, 4)
def test_regrets_are_the_reference_s(golden, num_students, num_trials, style):
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    for name in REGRETS if num_students == 2 else ["population_regret"]:
        case.assert_equal(name, "joint", score_of(REGRETS[name], case.evidence()))


# Records


def test_max_mc_uses_the_best_return_ever_seen():
    score = scores.MaxMC()
    good = one_play([0.0, 0.75], [False, True], values=[0.5, 0.0])
    poor = one_play([0.0, 0.25], [False, True], values=[0.5, 0.0])
    records, _ = begin(score, good)
    first, news, _ = evaluate(score, good, records)
    np.testing.assert_allclose(first, [0.75 - 0.25])
    records = jax.vmap(score.merge)(records, news)
    second, news, _ = evaluate(score, poor, records)
    np.testing.assert_allclose(second, [0.75 - 0.25])
    np.testing.assert_allclose(news, [[0.25]])
    np.testing.assert_allclose(jax.vmap(score.merge)(records, news), [[0.75]])


def test_a_play_without_a_finished_episode_is_no_news_for_max_mc():
    score = scores.MaxMC()
    evidence = one_play([1.0], [False])
    records, _ = begin(score, evidence)
    _, news, _ = evaluate(score, evidence, records)
    assert score.merge(records[0], news[0]).tolist() == [-jnp.inf]


def test_max_mc_s_record_never_falls():
    merge, best = scores.MaxMC().merge, jnp.array([0.5, -jnp.inf])
    assert merge(best, jnp.array([0.25, -1.0])).tolist() == [0.5, -1]
    np.testing.assert_array_equal(merge(best, best), best)


# What a score looks at


def test_value_losses_look_at_the_first_value_head_only():
    evidence = random_evidence(0)
    other = evidence.advantages.at[..., 1:].add(1)
    changed = make_evidence(
        evidence.rewards, evidence.dones, values=evidence.values, advantages=other
    )
    for score in (L1ValueLoss(), scores.PositiveValueLoss()):
        np.testing.assert_array_equal(score_of(score, evidence), score_of(score, changed))


def test_exact_regret_is_nothing_only_where_all_episodes_were_the_best_possible():
    """Down to the last digit, though returns are added up; and where nothing can be had."""
    best = np.float32([0.1, 0.7, 0.7, 0.9, 0.0])
    rewards = np.zeros((2, 6, 5, 3), np.float32)
    rewards[:, 1::2] = best[:, None]
    rewards[1, 3, 2, 0] -= 1e-6
    rewards[0, 3, 3, 1] = 0
    dones = rewards * 0 + np.arange(6)[:, None, None] % 2 == 1
    dones[1, :, 3] = False
    evidence = make_evidence(rewards, dones, optimum=jnp.asarray(best))
    regrets = score_of(scores.ExactRegret(), evidence)
    np.testing.assert_array_equal(regrets == 0, [True, True, False, False, True])
    # One of three episodes in one of three plays, by the one student who finished any.
    np.testing.assert_allclose(regrets[3], 0.9 / 9, rtol=1e-6)


def test_only_returns_and_what_is_compared_with_values_can_be_negative():
    every = [*FORMULAS.values(), *REGRETS.values(), scores.Learnability(), scores.MaxMC()]
    assert {type(score).__name__ for score in every if score.can_be_negative} == {
        "MaxMC",
        "MeanReturn",
        "NegativeReturn",
    }


# Errors


@pytest.mark.parametrize(
    ("score", "num_students", "message"),
    [
        (ValueDisagreement(), 1, r"1 value head;.*at least 2.*num_value_heads=5"),
        (scores.RelativeRegret(), 1, r"^RelativeRegret .* 2 students, not 1.*num_students=2"),
        (MeanRelativeRegret(), 3, r"^MeanRelativeRegret .* exactly 2 students, not 3"),
        (scores.PopulationRegret(), 1, r"at least 2 students, not 1.*num_students=2"),
        (scores.ExactRegret(), 1, r"^ExactRegret needs the best return .* optimal_return"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, scores.AbstractScore) else "",
)
def test_a_score_refuses_evidence_that_it_cannot_use(score, num_students, message):
    """When a runner is made, and once more where you call it by hand."""
    shape = (num_students, 4, 3, 1)
    evidence = make_evidence(jnp.zeros(shape), jnp.ones(shape, bool))
    with pytest.raises(ValueError, match=message):
        score.init(structure(evidence), key=KEY)
    with pytest.raises(ValueError, match=message):
        score(evidence, None, None)


def test_who_stores_no_records_refuses_a_score_that_keeps_some():
    evidence = structure(random_evidence(0))
    with pytest.raises(ValueError, match=r"Mine: the score MaxMC keeps a record.*LevelReplay"):
        init_memoryless("Mine", scores.MaxMC(), evidence, key=KEY)
    assert init_memoryless("Mine", scores.Learnability(), evidence, key=KEY) is None
