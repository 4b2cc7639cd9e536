"""NCC (arXiv 2505.20659): a replay distribution that climbs its objective, between scorings."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import NCC, AdaGradAscent, AdamAscent, Climb, PlainAscent
from minimax_eqx.curricula._simplex import entropy, project
from minimax_eqx.scores import MaxMC
from minimax_eqx.scores._returns import MeanReturn

from ..numbered_levels import Numbers, evidence_of, going, learn, propose

LEVELS, PLAYS, CAPACITY = 12, 3, 10
AT_ONCE = LEVELS // PLAYS
# 10 stored levels and 5 new ones are 15, or 16 to fill the fourth cycle of 4.
NEW, SCORING, TRAINING = 5, 4, 2
PERIOD = SCORING + TRAINING
SCORES = np.array([0.25, 0.16, 0.0, 0.09])


def compose(**options):
    sizes = {"num_levels": LEVELS, "num_plays": PLAYS, "capacity": CAPACITY}
    cycles = {"num_new_levels": NEW, "num_training_cycles": TRAINING}
    return NCC(Numbers(), **{"score": MeanReturn(), **sizes, **cycles, **options})


def returns_of(numbers):
    """What every play of a level returns."""
    return np.asarray(numbers) % 1000 / 1000


def cycle(curriculum, key, returns=returns_of):
    propose_key, learn_key = jax.random.split(key)
    curriculum, proposal = propose(curriculum, propose_key)
    evidence = evidence_of(jnp.asarray(returns(proposal.levels)[None, :, None]))
    curriculum, metrics = learn(curriculum, proposal, evidence, learn_key)
    return curriculum, proposal, metrics


def iteration(curriculum, getkey, returns=returns_of):
    """The curriculum after an iteration, and the proposals and metrics of its cycles."""
    seen = []
    for _ in range(curriculum.curriculum.num_search_cycles + TRAINING):
        curriculum, *rest = cycle(curriculum, getkey(), returns)
        seen.append(rest)
    return curriculum, seen


# The distribution


@pytest.mark.parametrize(
    ("vector", "floor", "expected"),
    [
        ([0.5, 0.4, 0.3, -0.2], 0.01, [0.43, 0.33, 0.23, 0.01]),
        ([1.5, 0.1, 0.1, 0.1], 0.05, [0.85, 0.05, 0.05, 0.05]),
        ([0.7, -3.0], 0.5, [0.5, 0.5]),
    ],
)
def test_a_projection_by_hand_is_nearest_and_stays_where_it_is(vector, floor, expected):
    found = project(jnp.array(vector), floor)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(project(found, floor), found, atol=1e-6)


def test_a_projection_moves_what_is_above_the_floor_by_one_constant(getkey):
    vectors = np.asarray(jax.random.normal(getkey(), (20, 300))) * np.logspace(-4, 1, 20)[:, None]
    found = np.asarray(jax.jit(jax.vmap(lambda v: project(v, 1e-3)))(vectors.astype(np.float32)))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert found.min() >= np.float32(1e-3)
    moved = np.where(found > 1.01e-3, found - vectors, np.nan)
    assert np.nanmax(np.nanmax(moved, axis=1) - np.nanmin(moved, axis=1)) < 1e-5
    # Those on the floor would be below it.
    assert np.all((found > 1.01e-3) | (vectors + np.nanmin(moved, axis=1)[:, None] < 1.02e-3))


def with_scores(scores, **options):
    """A curriculum whose buffer is full of levels of these scores."""
    climb = Climb(**{"evenness_coef": 0.05, **options})
    curriculum = going(compose(capacity=len(scores), climb=climb))
    full = {"scores": jnp.asarray(scores, jnp.float32), "filled": jnp.ones(len(scores), bool)}
    return curriculum.with_buffer(dataclasses.replace(curriculum.buffer, **full))


@eqx.filter_jit
def ascend(curriculum, num_steps):
    state, climb = curriculum.state, curriculum.curriculum.climb
    step = lambda weights, _: (climb.step(weights, state.buffer), None)  # noqa: E731
    return jax.lax.scan(step, state.own.weights, None, num_steps)[0].values


def test_a_step_climbs_and_many_end_at_the_softmax_of_scores():
    curriculum = with_scores(SCORES, ascent=PlainAscent(0.1))
    np.testing.assert_allclose(ascend(curriculum, 1), [0.2625, 0.2535, 0.2375, 0.2465], rtol=1e-5)
    softmax = np.exp(SCORES / 0.05) / np.exp(SCORES / 0.05).sum()
    np.testing.assert_allclose(ascend(curriculum, 3000), softmax, atol=1e-5)


@pytest.mark.parametrize("ascent", [PlainAscent(), AdaGradAscent(), AdamAscent(0.01)], ids=repr)
def test_every_form_of_the_step_climbs_the_objective(ascent):
    weights, ends = np.full(4, 0.25), []
    curriculum = with_scores(SCORES, ascent=ascent)
    for num_steps in (1, 2, 100):
        weights = ascend(curriculum, num_steps)
        assert np.argsort(weights).tolist() == np.argsort(SCORES).tolist()
        ends.append(float(weights @ SCORES + 0.05 * entropy(weights)))
    assert SCORES.mean() + 0.05 * np.log(4) < ends[0] < ends[1] < ends[2]


def test_the_forms_of_the_step_are_those_of_their_formulas():
    gradients = np.random.default_rng(0).normal(size=(3, 5))
    total, first, second = np.full(5, 0.1), np.zeros(5), np.zeros(5)
    forms = {AdaGradAscent(0.2): [], AdamAscent(0.2): [], PlainAscent(0.2): []}
    for form, steps in forms.items():
        state = form.init(5)
        for gradient in gradients:
            step, state = form.step(state, jnp.asarray(gradient, jnp.float32))
            steps.append(step)
    for t, gradient in enumerate(gradients, 1):
        total = total + gradient**2
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        scale = second**0.4 / np.sqrt(1 - 0.999**t) + 1e-5
        expected = (
            gradient * (total + 1e-7) ** -0.4,
            first / (1 - 0.9**t) / scale,
            gradient,
        )
        for steps, by_hand in zip(forms.values(), expected, strict=True):
            np.testing.assert_allclose(steps[t - 1], 0.2 * by_hand, rtol=1e-3)


# The cycles


def test_an_iteration_scores_all_stored_levels_and_new_ones_and_then_trains(getkey):
    curriculum, _ = iteration(going(compose()), getkey)
    before = set(np.asarray(curriculum.buffer.levels).tolist())
    scores = np.asarray(curriculum.buffer.scores)
    assert len(before) == CAPACITY
    # Students have changed, and so has what they return.
    curriculum, seen = iteration(curriculum, getkey, lambda n: 1 - returns_of(n))
    proposals = [proposal for proposal, _ in seen]
    assert [bool(p.update_students) for p in proposals] == [False] * SCORING + [True] * TRAINING
    assert [float(m["searching"]) for _, m in seen] == [1.0] * SCORING + [0.0] * TRAINING
    scored = np.concatenate([p.levels for p in proposals[:SCORING]]).reshape(-1, PLAYS)
    assert (scored == scored[:, :1]).all()
    assert set(scored[:CAPACITY, 0].tolist()) == before
    new = set(scored[CAPACITY:, 0].tolist())
    assert len(new) == SCORING * AT_ONCE - CAPACITY
    assert not new & before
    best = sorted((1 - returns_of(list(before | new))).tolist())[-CAPACITY:]
    np.testing.assert_allclose(np.sort(curriculum.buffer.scores), best, rtol=1e-5)
    assert not np.allclose(scores, curriculum.buffer.scores)
    stored = set(np.asarray(curriculum.buffer.levels).tolist())
    assert all(set(np.asarray(p.levels).tolist()) <= stored for p in proposals[SCORING:])
    replaced = sum(float(m["replaced"]) for _, m in seen)
    assert replaced == pytest.approx(len(new & stored) / CAPACITY)


def test_levels_are_drawn_by_the_weights_which_move_after_training(getkey):
    curriculum, weights = going(compose(climb=Climb(ascent=PlainAscent(0.05)))), []
    for _ in range(2 * PERIOD):
        curriculum, _, _ = cycle(curriculum, getkey())
        weights.append(np.asarray(curriculum.state.own.weights.values))
    moved = [i for i in range(1, 2 * PERIOD) if (weights[i] != weights[i - 1]).any()]
    assert moved == [PERIOD - 1, 2 * PERIOD - 1]
    training = dataclasses.replace(curriculum.state, phase=jnp.int32(SCORING))
    training = dataclasses.replace(curriculum, state=training)
    draw = jax.jit(jax.vmap(lambda key: propose(training, key)[1].levels))
    drawn = np.asarray(draw(jax.random.split(getkey(), 1000))).ravel()
    shares = (drawn[:, None] == np.asarray(curriculum.buffer.levels)).mean(axis=0)
    np.testing.assert_allclose(shares, weights[-1], atol=0.02)


def test_a_share_of_the_levels_is_scored_by_turns(getkey):
    curriculum = going(compose(rescored_share=0.4, num_new_levels=0, num_training_cycles=TRAINING))
    assert curriculum.curriculum.num_search_cycles == 1
    for _ in range(3):
        curriculum, _ = iteration(curriculum, getkey)
    assert int(curriculum.buffer.num_filled) == CAPACITY
    levels = np.asarray(curriculum.buffer.levels)
    for slots in ([2, 3, 4, 5], [6, 7, 8, 9], [0, 1, 2, 3]):
        curriculum, seen = iteration(curriculum, getkey)
        assert np.asarray(seen[0][0].levels)[::PLAYS].tolist() == levels[slots].tolist()
        # Nothing new comes into a buffer that takes nothing new.
        np.testing.assert_array_equal(curriculum.buffer.levels, levels)


def test_where_nobody_finishes_all_levels_are_new_and_weights_stay_a_distribution(getkey):
    curriculum = going(compose())
    for _ in range(PERIOD):
        curriculum, proposal = propose(curriculum, getkey())
        evidence = evidence_of(np.zeros((1, LEVELS, 1)), finished=False)
        assert proposal.groups["new"].all()
        curriculum, _ = learn(curriculum, proposal, evidence, getkey())
    np.testing.assert_allclose(curriculum.state.own.weights.values, 1 / CAPACITY, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_plays": 5}, "NCC.num_plays is 5; it must divide num_levels, 12"),
        ({"climb": {"min_weight": 0.2}}, "Climb.min_weight is 0.2; it must be between 0 and 0.1"),
        ({"climb": {"min_weight": 0.0}}, "Climb.min_weight is 0.0; it must be positive"),
        ({"rescored_share": 0.0}, "NCC.rescored_share is 0.0; it must be positive"),
        ({"climb": {"evenness_coef": -1.0}}, "Climb.evenness_coef is -1.0"),
        ({"num_new_levels": -1}, "NCC.num_new_levels is -1"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        compose(**{name: Climb(**of) if name == "climb" else of for name, of in options.items()})


def test_a_score_that_keeps_records_is_refused():
    with pytest.raises(ValueError, match="NCC: the score MaxMC keeps a record"):
        going(compose(score=MaxMC()))


def test_the_worth_of_evenness_falls_with_the_iterations_and_is_constant_without_decay(getkey):
    for decay, expected in ((0.0, (0.005, 0.005)), (1 / 3, (0.005, 0.0025))):
        climb = Climb(evenness_coef=0.005, evenness_decay=decay)
        begun = going(compose(climb=climb))
        weights = begun.state.own.weights
        later = dataclasses.replace(weights, num_steps=jnp.array(7, jnp.int32))
        found = [float(climb.evenness(at)) for at in (weights, later)]
        assert found == pytest.approx(expected)
    after, _ = iteration(begun, getkey)
    assert int(after.state.own.weights.num_steps) == 1
