"""A prioritisation that learns: the co-learnability of TRACED (arXiv 2506.19997), as a user would
write it."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Float

from minimax_eqx.curricula import (
    AbstractPrioritisation,
    LevelReplay,
    NewAndReplayed,
    Rank,
    Replayed,
    Sequential,
    SideBySide,
)
from minimax_eqx.scores import MeanReturn

from ..numbered_levels import Numbers, evidence_of, going, learn, propose

BATCH, CAPACITY = 4, 10


class Bonuses(eqx.Module):
    bonus: Float[Array, " capacity"]
    previous: Bool[Array, " capacity"]  # scored up to the last update of the students
    scored: Bool[Array, " capacity"]  # scored since then
    fall: Float[Array, " capacity"]  # of the score, when it was last given
    inner: Any


class CoLearnability(AbstractPrioritisation[Bonuses]):
    """Levels are preferred after whose training the scores of others fell."""

    prioritisation: AbstractPrioritisation = Rank()
    weight: float | Float[Array, ""] = 1.0

    @property
    def needs_nonnegative_scores(self):
        return self.prioritisation.needs_nonnegative_scores

    def init(self, capacity):
        zeros, no = jnp.zeros(capacity), jnp.zeros(capacity, bool)
        return Bonuses(zeros, no, no, zeros, self.prioritisation.init(capacity))

    def admission_weights(self, state, scores, ranks, filled):
        return self.prioritisation.admission_weights(state.inner, scores, ranks, filled)

    def replay_weights(self, state, buffer):
        raised = dataclasses.replace(buffer, scores=buffer.scores + state.bonus)
        return self.prioritisation.replay_weights(state.inner, raised)

    def update(self, state, before, after, scored, updated):
        came_in = after.came_in_since(before)
        fall = jnp.where(scored, before.scores - after.scores, state.fall)
        fall, since = jnp.where(came_in, 0, fall), state.scored | scored
        total, count = jnp.sum(jnp.where(since, fall, 0)), jnp.sum(since, dtype=jnp.float32)
        given = self.weight * total / jnp.maximum(count, 1)
        bonus, previous = jnp.where(scored, 0, state.bonus), state.previous & ~came_in
        return Bonuses(
            bonus + jnp.where(updated & previous, given, 0),
            jnp.where(updated, since, previous),
            since & ~updated,
            fall,
            self.prioritisation.update(state.inner, before, after, scored, updated),
        )


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
            prioritisation=CoLearnability(weight=2.0),
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
    slots = (buffer.scores, jnp.array([2, 1, 0], jnp.int32), buffer.filled)
    np.testing.assert_array_equal(
        part.admission_weights(state, *slots), rank.admission_weights(None, *slots)
    )
    assert jax.numpy.argmax(part.replay_weights(state, buffer)) == 0
    assert jax.numpy.argmax(rank.replay_weights(None, buffer)) == 2
