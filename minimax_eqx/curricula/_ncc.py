"""NCC: the replay distribution is itself learned, against the student."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between, check_positive
from .._types import Level
from .._xla._filtered import filter_cond
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ..scores import AbstractScore, Learnability
from ._chances import chances_by_score, draw_each
from ._climb import Climb, Weights
from ._curriculum import Proposal
from ._fit import check_makes_levels
from ._level_buffer import LevelBuffer, share_of
from ._repetitions import check_repetitions, repeated_if
from ._search import AbstractSearch, Found, SearchState
from ._select import select


class Distribution(eqx.Module):
    """The weights of the stored levels, and the slot with which this iteration's scoring begins."""

    weights: Weights
    first: Int[Array, ""]


class NCC(AbstractSearch[Level, Distribution], Generic[Level]):
    """Trains on levels drawn from a distribution that is learned by gradient ascent (NCC).

    Monette et al. 2025, arXiv 2505.20659. The weights `y` of the stored levels, at least
    `min_weight` each, climb `y * s - evenness_coef * sum y log y` for the scores `s` that levels
    have under the present student, while the student descends its loss under `y`. An iteration is:

    1. Cycles without update score the stored levels again, each in `num_plays` plays, and
       `num_new_levels` new ones. A new level takes the slot with the lowest score, and its weight,
       if its own score is at least as high.
    2. In `num_training_cycles` cycles with update, levels are drawn by `y`.
    3. `y` takes one step along `s - evenness_coef * (log y + 1)`, back onto the simplex.

    With `score=Learnability()` this is NCC-Learn, and with `ExactRegret()` it is NCC-Reg. The
    buffer begins empty: slots without a level are filled with new ones as they are scored.
    """

    generator: AbstractLevelGenerator[Level]
    """Where levels come from."""
    score: AbstractScore = Learnability()
    """What the distribution climbs; a score without records."""
    num_levels: int = 32
    """How many levels, counted with their repetitions, each cycle plays."""
    num_plays: int = 4
    """How often scoring plays each level side by side; a divisor of `num_levels`. Each trial of
    the runner multiplies it."""
    capacity: int = 4000
    """How many levels are stored."""
    num_new_levels: int = 256
    """How many new levels an iteration scores, or a few more, to fill its last cycle of scoring; 0
    keeps the buffer as it is once it is full."""
    # Not traced: it decides how many cycles there are.
    rescored_share: float = eqx.field(static=True, default=1.0)
    """Share of the stored levels that an iteration scores again, by turns; less than 1 is cheaper
    than the paper's method, and deviates from it."""
    num_training_cycles: int = 1
    """How many cycles with update an iteration has; the paper has 1."""
    climb: Climb = Climb()
    """How the distribution climbs the scores."""

    def __check_init__(self) -> None:
        check_repetitions(self)
        check_at_least(self, 1, "capacity", "num_training_cycles")
        check_at_least(self, 0, "num_new_levels")
        check_between(self, 0, 1, "rescored_share")
        check_positive(self, "rescored_share")
        check_between(self.climb, 0, 1 / self.capacity, "min_weight")

    @property
    def num_rescored(self) -> int:
        """How many slots an iteration scores again."""
        return max(1, round(self.rescored_share * self.capacity))

    @property
    def num_scored(self) -> int:
        return self.num_rescored + self.num_new_levels

    def begin(
        self, evidence: Evidence, buffer: LevelBuffer, *, key: Key[Array, ""]
    ) -> Distribution:
        del key
        check_makes_levels(self.generator, evidence.level_spec())
        return Distribution(self.climb.init(self.capacity), jnp.zeros((), jnp.int32))

    def choose(
        self, state: SearchState[Level, Distribution], *, key: Key[Array, ""]
    ) -> tuple[Level, dict[str, Bool[Array, " level"]]]:
        level, buffer, scoring = state.buffer.level_spec(), state.buffer, self.is_searching(state)
        level_keys, draw_keys = jax.random.split(key, (2, self.num_levels))
        new = jax.vmap(lambda key: self.generator.sample(level, key=key))(level_keys)
        drawn = draw_each(jnp.where(buffer.filled, state.own.weights.values, 0.0), draw_keys)
        place = jnp.repeat(self.places(state), self.num_plays)
        slots = jnp.where(scoring, (state.own.first + place) % self.capacity, drawn)
        # A buffer that takes no new levels is scored around again, to fill the last cycle.
        comes_from_slot = ~scoring | (place < self.num_rescored) | (self.num_new_levels == 0)
        stored = comes_from_slot & buffer.filled[slots]
        levels = repeated_if(scoring, new, new, self.num_plays)
        return select(stored, buffer.at(slots), levels), {"replayed": stored}

    def keep(
        self,
        state: SearchState[Level, Distribution],
        proposal: Proposal[Level],
        buffer: LevelBuffer,
        found: Found[Level],
    ) -> LevelBuffer:
        # Stored levels get their scores first. Then the best of the new ones comes first.
        assert proposal.groups is not None
        stored = proposal.groups["replayed"][:: self.num_plays]
        return found.at(jnp.argsort(jnp.where(stored, -jnp.inf, -found.scores))).into(buffer)

    def chances(self, state: SearchState[Level, Distribution]) -> Float[Array, " capacity"]:
        return chances_by_score(state.own.weights.values, state.buffer.filled)

    def after(
        self,
        state: SearchState[Level, Distribution],
        buffer: LevelBuffer,
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[Distribution, Metrics]:
        del evidence, key
        own, is_last = state.own, state.phase == self.num_period_cycles - 1
        weights = filter_cond(
            is_last,
            lambda weights: self.climb.step(weights, buffer),
            lambda weights: weights,
            own.weights,
        )
        first = jnp.where(is_last, (own.first + self.num_rescored) % self.capacity, own.first)
        replaced = {"replaced": share_of(buffer.came_in_since(state.buffer))}
        return Distribution(weights, first), replaced | self.climb.metrics(weights, buffer)
