"""A bonus for stored levels that make other levels easier."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._ranges import check_finite
from .._types import PyTree, Scalar
from ._level_buffer import LevelBuffer
from ._prioritisation import AbstractPrioritisation, AbstractWeights, Rank


class Bonuses(eqx.Module):
    """What is known of the slots of a level buffer."""

    bonus: Float[Array, " capacity"]
    fall: Float[Array, " capacity"]  # of the score, when it was given last
    previous: Bool[Array, " capacity"]  # scored up to the last update of the students
    since: Bool[Array, " capacity"]  # scored after it


class CoLearnability(AbstractPrioritisation[Bonuses]):
    """A bonus for levels after whose training the scores of others fell.

    In a cycle with an update, every level that was scored up to the update before it gets
    `co_learnability` times the mean fall of the scores given since, those of new and edited levels
    included: a level that is scored for the first time falls by 0. The bonus lasts until the
    level's next score (Cho et al. 2026, arXiv 2506.19997, TRACED).

    It counts for what is replayed, and never for what is taken in: levels compete for their slots
    with their scores alone. Nor do stored scores, and metrics of them, contain it.
    """

    rule: AbstractWeights = Rank()
    """How scores, with their bonuses, become chances of being replayed."""
    co_learnability: Scalar = 1.0
    """Weight of the bonus."""
    needs_nonnegative_scores = False

    def __check_init__(self) -> None:
        check_finite(self, "co_learnability")

    def init(self, capacity: int) -> Bonuses:
        self.rule.init(capacity)
        return Bonuses(*jnp.zeros((2, capacity)), *jnp.zeros((2, capacity), bool))

    def admission_weights(
        self,
        state: Bonuses,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
        records: PyTree,
    ) -> Float[Array, " capacity"]:
        return self.rule.weights(scores, ranks, filled)

    def replay_weights(self, state: Bonuses, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        raised = eqx.tree_at(lambda b: b.scores, buffer, buffer.scores + state.bonus)
        return self.rule.replay_weights(None, raised)

    def update(
        self,
        state: Bonuses,
        before: LevelBuffer,
        after: LevelBuffer,
        scored: Bool[Array, " capacity"],
        updated: Bool[Array, ""],
    ) -> Bonuses:
        came_in, since = after.came_in_since(before), state.since | scored
        fall = jnp.where(came_in, 0.0, jnp.where(scored, before.scores - after.scores, state.fall))
        given = self.co_learnability * jnp.nan_to_num(jnp.mean(fall, where=since))
        previous = state.previous & ~came_in
        bonus = jnp.where(scored, 0.0, state.bonus) + jnp.where(updated & previous, given, 0.0)
        return Bonuses(bonus, fall, jnp.where(updated, since, previous), since & ~updated)
