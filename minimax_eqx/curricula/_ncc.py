"""NCC: the replay distribution is itself learned, against the student."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics, join_metrics
from .._ranges import check_at_least, check_between, check_positive
from .._types import Level, PyTree, Scalar
from .._xla._filtered import filter_cond
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ..scores import AbstractScore, Learnability
from ._admission import first_lowest
from ._ascents import AbstractAscent, AdaGradAscent
from ._chances import draw
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_makes_levels
from ._level_buffer import LevelBuffer, share_of
from ._repetitions import check_repetitions, cycles_to_play, init_repeated, score_repeated
from ._scoring import named_metrics
from ._simplex import entropy, project
from ._spent import Spent
from ._stored import StoredLevels


class NCCState(eqx.Module, Generic[Level]):
    """The stored levels and their weights, and how far the iteration is."""

    buffer: LevelBuffer[Level, None]
    weights: Float[Array, " capacity"]  # of all slots, filled or not
    ascent: PyTree
    score: PyTree
    phase: Int[Array, ""]  # cycles since the iteration began
    num_iterations: Int[Array, ""]  # how many are over
    first: Int[Array, ""]  # the slot with which this iteration's scoring begins


class NCC(AbstractCurriculum[Level, NCCState], Generic[Level]):
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
    evenness_coef: Scalar = 0.05
    """What the entropy of the distribution is worth; the higher, the more even it is."""
    evenness_decay: Scalar = 0.0
    """Let `evenness_coef` fall as the iterations to the power of minus this; 0 keeps it."""
    min_weight: Scalar = 1e-5
    """The least weight of a stored level."""
    ascent: AbstractAscent = AdaGradAscent()
    """How weights move along the gradient."""

    def __check_init__(self) -> None:
        check_repetitions(self)
        check_at_least(self, 1, "capacity", "num_training_cycles")
        check_at_least(self, 0, "num_new_levels", "evenness_coef", "evenness_decay")
        check_between(self, 0, 1, "rescored_share")
        check_positive(self, "rescored_share", "min_weight")
        check_between(self, 0, 1 / self.capacity, "min_weight")

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    @property
    def num_rescored(self) -> int:
        """How many slots an iteration scores again."""
        return max(1, round(self.rescored_share * self.capacity))

    @property
    def num_scoring_cycles(self) -> int:
        """How many cycles of an iteration only score."""
        num_scored = self.num_rescored + self.num_new_levels
        return cycles_to_play(num_scored, self.num_plays, self.num_levels)

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> NCCState[Level]:
        level = evidence.level_spec()
        check_makes_levels(self.generator, level)
        return NCCState(
            buffer=LevelBuffer.empty(level, self.capacity),
            weights=jnp.full(self.capacity, 1 / self.capacity, jnp.float32),
            ascent=self.ascent.init(self.capacity),
            score=init_repeated("NCC", self.score, evidence, self.num_plays, key=key),
            phase=jnp.zeros((), jnp.int32),
            num_iterations=jnp.zeros((), jnp.int32),
            first=jnp.zeros((), jnp.int32),
        )

    def propose(
        self, state: NCCState[Level], *, key: Key[Array, ""]
    ) -> tuple[NCCState[Level], Proposal[Level]]:
        level, buffer, scoring = state.buffer.level_spec(), state.buffer, self._is_scoring(state)
        level_keys, draw_keys = jax.random.split(key, (2, self.num_levels))
        new = jax.vmap(lambda key: self.generator.sample(level, key=key))(level_keys)
        chances = jnp.where(buffer.filled, state.weights, 0.0)
        drawn = jax.vmap(lambda key: draw(chances, key=key))(draw_keys)
        index = jnp.arange(self.num_levels, dtype=jnp.int32)
        repetition = index // self.num_plays
        place = state.phase * (self.num_levels // self.num_plays) + repetition
        slots = jnp.where(scoring, (state.first + place) % self.capacity, drawn)
        # A buffer that takes no new levels is scored around again, to fill the last cycle.
        comes_from_slot = ~scoring | (place < self.num_rescored) | (self.num_new_levels == 0)
        stored = comes_from_slot & buffer.filled[slots]

        def choose(new, kept):
            new = jnp.where(scoring, new[repetition], new)
            return jnp.where(stored.reshape(-1, *(1,) * (new.ndim - 1)), kept, new)

        proposal = Proposal(
            jax.tree.map(choose, new, buffer.at(slots)),
            update_students=~scoring,
            groups={"new": ~stored, "replayed": stored},
        )
        return state, proposal

    def learn(
        self,
        state: NCCState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[NCCState[Level], Metrics]:
        del key

        def rescore(known):
            buffer, score = known
            levels, scores, told, score = score_repeated(
                self.score, score, evidence, proposal.levels, self.num_plays
            )
            # Stored levels get their scores first. Then the best of the new ones comes first.
            assert proposal.groups is not None
            stored = proposal.groups["replayed"][:: self.num_plays]
            order = jnp.argsort(jnp.where(stored, -jnp.inf, -scores))
            levels = jax.tree.map(lambda leaf: leaf[order], levels)
            told = told.at(order)
            lowest = lambda slots, ranks: first_lowest(slots.scores)  # noqa: E731
            return buffer.update(levels, scores[order], opponent=lowest, told=told), score

        scoring = self._is_scoring(state)
        known = (state.buffer, state.score)
        buffer, score = filter_cond(scoring, rescore, lambda known: known, known)
        period = self.num_scoring_cycles + self.num_training_cycles
        is_last = state.phase == period - 1
        weights, ascent = filter_cond(
            is_last,
            lambda moved: self._ascend(*moved, buffer, self._evenness(state)),
            lambda moved: moved,
            (state.weights, state.ascent),
        )
        first = jnp.where(is_last, (state.first + self.num_rescored) % self.capacity, state.first)
        after = NCCState(
            *(buffer, weights, ascent, score, (state.phase + 1) % period),
            *(state.num_iterations + is_last.astype(jnp.int32), first),
        )
        replaced = share_of(buffer.came_in_since(state.buffer))
        own = self._metrics(after) | {"scoring": scoring.astype(jnp.float32), "replaced": replaced}
        told = named_metrics("score", self.score, score)
        return after, join_metrics([("NCC", own), (f"the score {type(self.score).__name__}", told)])

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent:
        del level
        return Spent.in_search(self.num_levels, num_cycles, num_updated)

    def stored(self, state: NCCState[Level]) -> StoredLevels[Level]:
        buffer = state.buffer
        weights = jnp.where(buffer.filled, state.weights, 0.0)
        chances = weights / jnp.maximum(jnp.sum(weights), jnp.finfo(weights.dtype).tiny)
        return StoredLevels.of(buffer, chances, by_score=chances)

    def _is_scoring(self, state: NCCState[Level]) -> Bool[Array, ""]:
        return state.phase < self.num_scoring_cycles

    def _evenness(self, state: NCCState[Level]) -> Float[Array, ""]:
        iterations = state.num_iterations.astype(jnp.float32)
        return self.evenness_coef * (iterations + 1) ** -jnp.asarray(self.evenness_decay)

    def _ascend(
        self,
        weights: Float[Array, " capacity"],
        ascent: PyTree,
        buffer: LevelBuffer,
        evenness: Float[Array, ""],
    ) -> tuple[Float[Array, " capacity"], PyTree]:
        gradient = _known_scores(buffer) - evenness * (jnp.log(weights) + 1)
        step, ascent = self.ascent.step(ascent, gradient)
        return project(weights + step, self.min_weight), ascent

    def _metrics(self, state: NCCState[Level]) -> Metrics:
        buffer, weights, spread = state.buffer, state.weights, entropy(state.weights)
        return {
            "buffer_fill_ratio": buffer.fill_ratio,
            "buffer_mean_score": buffer.mean_score,
            "weights_objective": weights @ _known_scores(buffer) + self._evenness(state) * spread,
            "weights_entropy": spread,
            "largest_weight": jnp.max(weights),
        }


def _known_scores(buffer: LevelBuffer) -> Float[Array, " capacity"]:
    """The scores; where there is none, the lowest there is, or 0."""
    lowest = jnp.min(jnp.where(buffer.filled, buffer.scores, jnp.inf))
    return jnp.where(buffer.filled, buffer.scores, jnp.where(jnp.isinf(lowest), 0.0, lowest))
