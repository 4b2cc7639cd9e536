"""Scores of levels: the reference's numbers, and laws that hold whatever happened."""

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import rollouts, scores

from ..evidence import (
    NUM_LEVELS,
    evaluate,
    fresh_records,
    make_evidence,
    one_play,
    random_evidence,
    score_of,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
REGRETS = {
    "relative_regret": scores.RelativeRegret(),
    "mean_relative_regret": scores.MeanRelativeRegret(),
    "population_regret": scores.PopulationRegret(),
}
FORMULAS = {
    "return": scores.MeanReturn(),
    "neg_return": scores.NegativeReturn(),
    "l1_value_loss": scores.L1ValueLoss(),
    "positive_value_loss": scores.PositiveValueLoss(),
    "value_disagreement": scores.ValueDisagreement(),
}
SCORES = {
    **FORMULAS,
    **REGRETS,
    "learnability": scores.Learnability(),
    "max_mc": scores.MaxMC(num_students=2),
}
NEVER_NEGATIVE = sorted(name for name, score in SCORES.items() if not score.can_be_negative)


def only_student(evidence, student):
    return jax.tree.map(lambda leaf: leaf[student : student + 1], evidence)


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
        given = {
            name: by_trial(self[name])
            for name in ("rewards", "dones", "values", "advantages", "value_ensemble")
        }
        heads = {name: given[name][..., None] for name in ("values", "advantages")}
        self.evidence = make_evidence(given["rewards"], given["dones"], **heads)
        self.ensemble_evidence = make_evidence(
            given["rewards"], given["dones"], values=given["value_ensemble"]
        )
        self.records = jnp.asarray(self["previous_max_returns"].T)

    def __getitem__(self, name):
        return self._arrays[self._prefix + name]

    def assert_equal(self, name, who, actual, counts):
        """Compares with and without the mask of levels on which nobody finished an episode."""
        expected = f"score_{name}_{who}"
        np.testing.assert_allclose(actual, self[f"{expected}_noignore"], **CLOSE)
        anybody = jnp.any(counts > 0, axis=0) if who == "joint" else counts > 0
        masked = jnp.where(anybody, actual, -jnp.inf)
        np.testing.assert_allclose(masked, self[f"{expected}_ignore"], **CLOSE)


@golden_cases(1, 2)
def test_scores_are_the_reference_s(golden, num_students, num_trials, style):
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    counts = rollouts.finished_episodes(case.evidence)
    for name, score in FORMULAS.items():
        evidence = case.ensemble_evidence if name == "value_disagreement" else case.evidence
        case.assert_equal(name, "joint", score_of(score, evidence), counts)
        each = [score_of(score, only_student(evidence, student)) for student in case.students]
        case.assert_equal(name, "per_agent", jnp.stack(each), counts)


@golden_cases(1, 2)
def test_max_mc_is_the_reference_s(golden, num_students, num_trials, style):
    """The news are compared as what the reference stores: without the past, and at least 0."""
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    counts = rollouts.finished_episodes(case.evidence)
    joint, news = evaluate(scores.MaxMC(num_students), case.evidence, case.records)
    case.assert_equal("max_mc", "joint", joint, counts)
    np.testing.assert_allclose(jnp.maximum(news, 0).T, case["max_mc_returned_max_returns"], **CLOSE)
    each = [
        evaluate(
            scores.MaxMC(),
            only_student(case.evidence, student),
            case.records[:, student : student + 1],
        )[0]
        for student in case.students
    ]
    case.assert_equal("max_mc", "per_agent", jnp.stack(each), counts)


@golden_cases(2, 4)
def test_regrets_are_the_reference_s(golden, num_students, num_trials, style):
    case = GoldenCase(golden("ued_scores"), num_students, num_trials, style)
    counts = rollouts.finished_episodes(case.evidence)
    for name in REGRETS if num_students == 2 else ["population_regret"]:
        case.assert_equal(name, "joint", score_of(REGRETS[name], case.evidence), counts)


# Records


def test_max_mc_uses_the_best_return_ever_seen():
    score = scores.MaxMC()
    good = one_play([0.0, 0.75], [False, True], values=[0.5, 0.0])
    poor = one_play([0.0, 0.25], [False, True], values=[0.5, 0.0])
    first, news = evaluate(score, good, fresh_records(score, 1))
    np.testing.assert_allclose(first, [0.75 - 0.25])
    records = jax.vmap(score.merge)(fresh_records(score, 1), news)
    second, news = evaluate(score, poor, records)
    np.testing.assert_allclose(second, [0.75 - 0.25])
    np.testing.assert_allclose(news, [[0.25]])
    np.testing.assert_allclose(jax.vmap(score.merge)(records, news), [[0.75]])


def test_a_play_without_a_finished_episode_is_no_news_for_max_mc():
    score = scores.MaxMC()
    _, news = evaluate(score, one_play([1.0], [False]), fresh_records(score, 1))
    assert score.merge(score.init(), news[0]).tolist() == [-jnp.inf]


returns = st.lists(
    # XLA may take numbers below the smallest normal one for 0.
    st.one_of(st.just(-np.inf), st.floats(-1e3, 1e3, width=32, allow_subnormal=False)),
    min_size=2,
    max_size=2,
).map(lambda numbers: jnp.asarray(numbers, jnp.float32))


@hypothesis.given(record=returns, news=returns, other_news=returns)
@hypothesis.settings(max_examples=30, deadline=None)
def test_max_mc_s_record_never_falls_and_takes_news_in_any_order(record, news, other_news):
    merge = scores.MaxMC(num_students=2).merge
    merged = merge(merge(record, news), other_news)
    assert jnp.all(merged >= record)
    np.testing.assert_array_equal(merged, merge(merge(record, other_news), news))
    np.testing.assert_array_equal(merge(record, record), record)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_news_have_the_shape_of_records(name):
    score = SCORES[name]
    records = fresh_records(score, NUM_LEVELS)
    _, news = evaluate(score, random_evidence(0), records)
    assert eqx.tree_equal(*(jax.tree.map(jnp.zeros_like, tree) for tree in (news, records)))


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"max_mc"}))
def test_a_score_without_memory_keeps_no_records(name):
    score = SCORES[name]
    assert score.init() is None
    assert score.merge(None, None) is None


# Laws


def some_records(score, seed):
    generator = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(generator.normal(size=(NUM_LEVELS, *leaf.shape)), leaf.dtype),
        score.init(),
    )


seeds = st.integers(0, 2**16)
law = hypothesis.settings(max_examples=10, deadline=None)


@pytest.mark.parametrize("name", sorted(SCORES))
@hypothesis.given(seed=seeds)
@law
def test_permuting_levels_permutes_their_scores(name, seed):
    score, evidence = SCORES[name], random_evidence(seed)
    records = some_records(score, seed)
    order = np.random.default_rng(seed).permutation(NUM_LEVELS)
    original, _ = evaluate(score, evidence, records)
    permuted, _ = evaluate(
        score,
        jax.tree.map(lambda leaf: leaf[:, :, order], evidence),
        jax.tree.map(lambda leaf: leaf[order], records),
    )
    np.testing.assert_allclose(permuted, original[order], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", sorted(SCORES))
@hypothesis.given(seed=seeds)
@law
def test_what_follows_the_last_end_does_not_matter(name, seed):
    """Not even if it is no number."""
    score, evidence = SCORES[name], random_evidence(seed)
    records = some_records(score, seed)
    tail = ~np.logical_or.accumulate(np.asarray(evidence.dones)[:, ::-1], axis=1)[:, ::-1]

    def spoil(leaf):
        where = tail if leaf.ndim == tail.ndim else tail[..., None]
        return jnp.where(where, jnp.nan, leaf)

    spoilt = eqx.tree_at(lambda e: (e.rewards, e.values, e.advantages), evidence, replace_fn=spoil)
    original, news = evaluate(score, evidence, records)
    with_spoilt_tail, spoilt_news = evaluate(score, spoilt, records)
    np.testing.assert_array_equal(with_spoilt_tail, original)
    jax.tree.map(np.testing.assert_array_equal, spoilt_news, news)


@pytest.mark.parametrize("name", NEVER_NEGATIVE)
@hypothesis.given(seed=seeds)
@law
def test_a_score_that_says_so_is_never_negative(name, seed):
    assert jnp.all(score_of(SCORES[name], random_evidence(seed)) >= 0)


def test_only_returns_and_what_is_compared_with_values_can_be_negative():
    assert set(SCORES) - set(NEVER_NEGATIVE) == {"max_mc", "return", "neg_return"}


@pytest.mark.parametrize("name", sorted(set(SCORES) - set(NEVER_NEGATIVE)))
def test_a_score_that_may_be_negative_sometimes_is(name):
    assert any(jnp.any(score_of(SCORES[name], random_evidence(seed)) < 0) for seed in range(10))


@hypothesis.given(seed=seeds)
@law
def test_value_losses_look_at_the_first_value_head_only(seed):
    evidence = random_evidence(seed)
    first = eqx.tree_at(lambda e: e.advantages, evidence, evidence.advantages[..., :1])
    for score in (scores.L1ValueLoss(), scores.PositiveValueLoss()):
        np.testing.assert_array_equal(score_of(score, evidence), score_of(score, first))


# Errors


@pytest.mark.parametrize(
    ("score", "sizes", "message"),
    [
        (scores.ValueDisagreement(), (1, 1, 1), "1 value head.* num_value_heads"),
        (scores.RelativeRegret(), (1, 1, 1), "exactly 2 students, not 1.*population"),
        (scores.MeanRelativeRegret(), (3, 1, 1), "exactly 2 students, not 3"),
        (scores.PopulationRegret(), (1, 1, 1), "at least 2 students, not 1.*population"),
        (scores.MaxMC(), (2, 1, 1), r"num_students=1, but 2 students.*MaxMC\(num_students=2\)"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, scores.AbstractScore) else "",
)
def test_a_score_refuses_evidence_that_it_cannot_use(score, sizes, message):
    with pytest.raises(ValueError, match=message):
        score.check(*sizes)
    num_students, num_trials, num_heads = sizes
    shape = (num_students, 4, 3, num_trials)
    evidence = make_evidence(
        jnp.zeros(shape),
        jnp.ones(shape, bool),
        values=jnp.zeros((*shape, num_heads)),
        advantages=jnp.zeros((*shape, num_heads)),
    )
    with pytest.raises(ValueError, match=message):
        evaluate(score, evidence, fresh_records(score, 3))


@pytest.mark.parametrize("name", sorted(SCORES))
def test_a_score_accepts_two_students_with_several_value_heads(name):
    SCORES[name].check(2, 2, 3)


def test_max_mc_needs_a_student():
    with pytest.raises(ValueError, match=r"MaxMC.num_students is 0; it must be at least 1"):
        scores.MaxMC(num_students=0)
