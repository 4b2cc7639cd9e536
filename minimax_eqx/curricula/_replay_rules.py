"""Which stored level is replayed, and which one a newcomer meets: the parts that decide it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import PyTree, Scalar
from ._admission import AbstractAdmission, BeatTheLeastLikely
from ._chances import chances_by_score, mix_in_ages, mix_in_uniform, replay_distribution
from ._insertion import Slots
from ._level_buffer import LevelBuffer
from ._prioritisation import AbstractPrioritisation, Rank


class ReplayRules(eqx.Module):
    """A prioritisation as it is now, and what goes with it."""

    prioritisation: AbstractPrioritisation = Rank()
    state: PyTree = None  # the prioritisation's
    staleness_coef: Scalar = 0.3
    admission: AbstractAdmission = BeatTheLeastLikely()
    uniform_share: Scalar | None = None

    def replay_distribution(self, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        """The chance of every slot to be drawn next; 0 where nothing is filled."""
        weights = self.prioritisation.replay_weights(self.state, buffer)
        chances = replay_distribution(weights, buffer.ages, buffer.filled, self.staleness_coef)
        return mix_in_uniform(chances, buffer.filled, self.uniform_share)

    def shares(
        self, buffer: LevelBuffer
    ) -> tuple[Float[Array, " capacity"], Float[Array, " capacity"]]:
        """Which parts of `replay_distribution` go by score, and by age."""
        weights = self.prioritisation.replay_weights(self.state, buffer)
        by_score = chances_by_score(weights, buffer.filled)
        by_age = mix_in_ages(jnp.zeros_like(by_score), buffer.ages, buffer.filled, 1.0)
        nobody_is_old = jnp.sum(by_age) == 0
        age_share = jnp.where(nobody_is_old, 0.0, self.staleness_coef)
        rest = 1.0 if self.uniform_share is None else 1 - self.uniform_share
        return rest * (1 - age_share) * by_score, rest * age_share * by_age

    def sample(
        self, buffer: LevelBuffer, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[LevelBuffer, Int[Array, " num_levels"]]:
        """What `LevelBuffer.sample` gives."""
        weights = self.prioritisation.replay_weights(self.state, buffer)
        by_score = chances_by_score(weights, buffer.filled)  # only ages change between draws
        return buffer.sample(num_levels, by_score, self.staleness_coef, self.uniform_share, key=key)

    def opponent(self, slots: Slots, ranks: Int[Array, " capacity"]) -> Int[Array, ""]:
        """The slot whose level a newcomer meets, as `LevelBuffer.update` asks for it.

        A uniform share has no say in it: it would change no order, but rounding would make ties.
        """
        weights = self.prioritisation.admission_weights(
            self.state, slots.scores, ranks, slots.filled, slots.records
        )
        chances = replay_distribution(weights, slots.ages, slots.filled, self.staleness_coef)
        return self.admission.opponent(slots.scores, chances, self.staleness_coef)

    def admits(self, now: Slots, then: Slots, slot: Int[Array, ""]) -> Bool[Array, ""] | None:
        """Whether a newcomer takes that slot, as `LevelBuffer.update` asks for it."""
        return self.prioritisation.admits(self.state, now, then, slot)
