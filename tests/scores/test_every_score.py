"""Laws for all scores of the package: a new one is tested by being there."""

import dataclasses
import functools
import inspect

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import scores
from minimax_eqx.rollouts import Episodes

from ..evidence import (
    KEY,
    NUM_LEVELS,
    begin,
    evaluate,
    permuted,
    random_evidence,
    structure,
)


def final_classes(base):
    """The classes of the package below `base` that are made, not inherited from."""
    below = {base}
    while len(wider := below.union(*(cls.__subclasses__() for cls in below))) > len(below):
        below = wider
    return sorted(
        (
            cls
            for cls in below
            if cls.__module__.startswith("minimax_eqx.") and not cls.__name__.startswith("Abstract")
        ),
        key=lambda cls: cls.__name__,
    )


EVERY_SCORE = [cls() for cls in final_classes(scores.AbstractScore)]
every_score = pytest.mark.parametrize("score", EVERY_SCORE, ids=lambda score: type(score).__name__)
seeds = st.integers(0, 2**16)
few = hypothesis.settings(max_examples=5, deadline=None)


def played_before(score, seed):
    """Records and state after another play of the same levels."""
    evidence = random_evidence(seed + 1)
    records, state = begin(score, evidence)
    _, news, state = evaluate(score, evidence, records, state)
    return merged(score, records, news), state


def merged(score, records, news):
    """All levels' records; `vmap` alone would not map over levels without records."""
    merge = lambda _, record, news: score.merge(record, news)  # noqa: E731
    return jax.vmap(merge)(jnp.arange(NUM_LEVELS), records, news)


def assert_close(one, other):
    """Equal, rounding apart."""
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, one, other)


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_all_scores_are_found():
    shown = {getattr(scores, name) for name in scores.__all__}
    public = {s for s in shown if issubclass(s, scores.AbstractScore) and not inspect.isabstract(s)}
    assert {type(score) for score in EVERY_SCORE} >= public


@every_score
@hypothesis.given(seed=seeds)
@few
def test_a_score_obeys_the_laws_whatever_happened(score, seed):
    evidence, (records, state) = random_evidence(seed), played_before(score, seed)
    actual, news, next_state = evaluate(score, evidence, records, state)
    finished = Episodes.of(evidence).finished_on_level

    assert jnp.all(jnp.isfinite(actual[finished]))
    assert score.can_be_negative or jnp.all(actual[finished] >= 0)

    order = np.random.default_rng(seed).permutation(NUM_LEVELS)
    reordered = jax.tree.map(lambda leaf: leaf[order], records)
    elsewhere, _, _ = evaluate(score, permuted(evidence, order), reordered, state)
    np.testing.assert_allclose(elsewhere, actual[order], rtol=1e-5, atol=1e-7)

    # News and state come from the first of level replay's two calls, so records must not matter.
    _, fresh_news, fresh_state = evaluate(score, evidence, begin(score, evidence)[0], state)
    assert eqx.tree_equal(fresh_news, news)
    assert eqx.tree_equal(fresh_state, next_state)


@every_score
@hypothesis.given(seed=seeds)
@few
def test_what_follows_the_last_end_does_not_matter_not_even_if_it_is_no_number(score, seed):
    evidence, (records, state) = random_evidence(seed), played_before(score, seed)
    tail = ~Episodes.of(evidence).finished_steps

    def spoil(leaf):
        where = tail if leaf.ndim == tail.ndim else tail[..., None]
        return jnp.where(where, jnp.nan, leaf)

    spoilt = eqx.tree_at(lambda e: (e.rewards, e.values, e.advantages), evidence, replace_fn=spoil)
    actual, news, _ = evaluate(score, evidence, records, state)
    with_spoilt_tail, spoilt_news, _ = evaluate(score, spoilt, records, state)
    assert_equal(with_spoilt_tail, actual)
    assert_equal(spoilt_news, news)


@every_score
def test_news_and_states_keep_their_structure_and_merge_in_any_order(score):
    evidence = random_evidence(0)
    records, state = begin(score, evidence)
    played = [evaluate(score, random_evidence(seed), records, state) for seed in range(3)]
    assert eqx.tree_equal(structure(played[0][1:]), structure((records, state)))
    merge = functools.partial(merged, score)
    one, two, three = (news for _, news, _ in played)
    assert_equal(merge(one, two), merge(two, one))
    assert_close(merge(merge(one, two), three), merge(one, merge(two, three)))
    assert_equal(merge(merge(records, one), two), merge(merge(records, two), one))


@every_score
def test_a_score_takes_evidence_in_which_nothing_finished(score):
    evidence = random_evidence(0)
    unfinished = dataclasses.replace(evidence, terminated=jnp.zeros_like(evidence.terminated))
    records, state = begin(score, unfinished)
    actual, news, next_state = evaluate(score, unfinished, records, state)
    assert jnp.all(jnp.isfinite(actual))
    # Neither what is known of levels nor a model is spoilt.
    assert_equal(merged(score, records, news), records)
    assert not any(jnp.any(jnp.isnan(leaf)) for leaf in jax.tree.leaves(next_state))


@pytest.mark.parametrize(
    "score",
    [score for score in EVERY_SCORE if score.can_be_negative],
    ids=lambda score: type(score).__name__,
)
def test_a_score_that_may_be_negative_sometimes_is(score):
    evidence = [random_evidence(seed) for seed in range(10)]
    assert any(jnp.any(evaluate(score, e, *begin(score, e))[0] < 0) for e in evidence)


@every_score
def test_metrics_are_scalars_and_need_the_state_only(score):
    _, state = score.init(structure(random_evidence(0)), key=KEY)
    assert all(jnp.ndim(value) == 0 for value in score.metrics(state).values())
