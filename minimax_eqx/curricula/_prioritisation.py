"""How the scores of stored levels become chances of being replayed."""

import abc
from typing import TYPE_CHECKING, Generic

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._ranges import check_at_least, check_positive
from .._types import PyTree, Scalar, State
from ._chances import rank
from ._insertion import Slots
from ._level_buffer import LevelBuffer

# Pyright takes Equinox's name for a field, and would ask for it whenever one is made.
if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractPrioritisation(eqx.Module, Generic[State]):
    """Weights of stored levels: how likely each is to be replayed, before ages have their say.

    If your weights are a formula of scores and ranks, derive from `AbstractWeights` and stop
    reading here. A prioritisation may also learn: its state is whatever you want to remember of
    the slots of the level buffer, and level replay calls `update` once a cycle.
    """

    needs_nonnegative_scores: AbstractClassVar[bool]
    """Whether a score that can be negative is refused."""

    @abc.abstractmethod
    def init(self, capacity: int) -> State:
        """The first state, for an empty level buffer of that many slots.

        Raise `ValueError` here if you can't prioritise `capacity` levels.
        """

    @abc.abstractmethod
    def admission_weights(
        self,
        state: State,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
        records: PyTree,
    ) -> Float[Array, " capacity"]:
        """Weights for the decision which level a newcomer has to beat.

        They are at least 0 and not normalised; what they are in slots that are not filled does not
        matter. `scores` are minus infinity there, and `ranks` are places in order of score: 0 is
        the highest. `records` is what the score remembers of each level. Level replay calls this
        for every level that wants to enter, so keep it cheap.
        """

    def admits(
        self, state: State, now: Slots, then: Slots, slot: Int[Array, ""]
    ) -> Bool[Array, ""] | None:
        """Whether a newcomer takes the slot of the level that it meets. Optional.

        `now` are the slots without the newcomer, with their `scores`, `records` and what is
        `filled`, and `then` those with it in its slot. None stands for a comparison of the two
        levels' scores.
        """
        return None

    @abc.abstractmethod
    def replay_weights(self, state: State, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        """Weights for the decision which levels are replayed, of the same form."""

    @abc.abstractmethod
    def update(
        self,
        state: State,
        before: LevelBuffer,
        after: LevelBuffer,
        scored: Bool[Array, " capacity"],
        updated: Bool[Array, ""],
    ) -> State:
        """What you learn from a cycle.

        Level replay calls this at the end of every cycle, with the level buffer as it was when the
        levels had been played, and as it is now that they are scored and taken in. `scored` are the
        slots whose level got its score in this cycle: some had it before, and some came in, as
        `after.came_in_since(before)` tells. `updated` says whether the students learned.
        """


class AbstractWeights(AbstractPrioritisation[None]):
    """A prioritisation that is a formula and learns nothing. To write one, fill in `weights`:

    ```python
    class AboveMean(AbstractWeights):
        needs_nonnegative_scores = False

        def weights(self, scores, ranks, filled):
            mean = jnp.mean(scores, where=filled)
            return (scores >= mean).astype(jnp.float32)
    ```
    """

    @abc.abstractmethod
    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        """Weights, not normalised, at least 0; see `AbstractPrioritisation.admission_weights`."""

    def init(self, capacity: int) -> None:
        # What is wrong with this capacity is found out now.
        eqx.filter_eval_shape(
            lambda: self.weights(
                jnp.zeros(capacity), jnp.zeros(capacity, jnp.int32), jnp.zeros(capacity, bool)
            )
        )

    def admission_weights(
        self,
        state: None,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
        records: PyTree,
    ) -> Float[Array, " capacity"]:
        return self.weights(scores, ranks, filled)

    def replay_weights(self, state: None, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        return self.weights(buffer.scores, rank(buffer.scores), buffer.filled)

    def update(
        self,
        state: None,
        before: LevelBuffer,
        after: LevelBuffer,
        scored: Bool[Array, " capacity"],
        updated: Bool[Array, ""],
    ) -> None:
        return None


class Rank(AbstractWeights):
    """Weight `(1 / (1 + rank)) ** (1 / temperature)`; the highest score has rank 0.

    From prioritised level replay (Jiang et al. 2021, arXiv 2010.03934, equation 3). At 0.3 the best
    level of a full buffer gets 87 % of what goes by score.
    """

    temperature: Scalar = 0.3
    """The lower, the more the levels with the highest scores are preferred."""
    needs_nonnegative_scores = False

    def __check_init__(self) -> None:
        check_positive(self, "temperature")

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del scores, filled
        return jnp.exp(-jnp.log1p(ranks.astype(jnp.float32)) / self.temperature)


class Proportional(AbstractWeights):
    """Weight `score ** (1 / temperature)`, for scores that are never negative."""

    temperature: Scalar = 1.0
    """The lower, the more the levels with the highest scores are preferred."""
    needs_nonnegative_scores = True

    def __check_init__(self) -> None:
        check_positive(self, "temperature")

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del ranks
        positive = jnp.where(filled, jnp.maximum(scores, 0.0), 0.0)
        # Relative to the highest, so that no power overflows.
        highest = jnp.max(positive)
        relative = positive / jnp.where(highest > 0, highest, 1.0)
        return relative ** (1 / self.temperature)


class TopK(AbstractWeights):
    """The levels with the `k` highest scores are equally likely, the others have no weight."""

    k: int = 100
    """How many of the stored levels are replayed by score; at most as many as fit in."""
    needs_nonnegative_scores = False

    def __check_init__(self) -> None:
        check_at_least(self, 1, "k")

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del scores, filled
        if self.k > ranks.size:
            raise ValueError(
                f"TopK.k is {self.k}, more levels than the capacity of {ranks.size}, so that all "
                "would be equally likely whatever their scores; lower k or raise the capacity."
            )
        return (ranks < self.k).astype(jnp.float32)
