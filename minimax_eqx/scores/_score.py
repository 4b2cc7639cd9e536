"""What every score offers."""

import abc
from typing import TYPE_CHECKING, Generic

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._types import Record
from ..rollouts._evidence import Evidence

# Pyright takes Equinox's name for a field, and would ask for it whenever a score is made.
if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractScore(eqx.Module, Generic[Record]):
    """How useful levels look for learning; the higher, the more useful.

    What a score remembers of a level between plays is its `record`. Whoever stores levels keeps one
    record for each, and adds the `news` of every play to it.

    A score is what its formula gives. A level on which nobody finished an episode has no meaningful
    score: whoever compares scores leaves such levels out, by `finished_episodes`.

    `can_be_negative` says whether scores may be less than 0, which prioritisation in proportion to
    the score does not take.
    """

    can_be_negative: AbstractClassVar[bool]

    @abc.abstractmethod
    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        """Raises `ValueError` if evidence of these sizes cannot be scored."""

    @abc.abstractmethod
    def init(self) -> Record:
        """The record of one level that was never played; None, or a PyTree of arrays."""

    @abc.abstractmethod
    def __call__(
        self, evidence: Evidence, records: Record
    ) -> tuple[Float[Array, " level"], Record]:
        """Scores the levels that were played.

        `records`, leading axis `level`, are from before this play. Of a level that was played
        several times in one cycle, each copy's record also has the news of the others: where there
        are records, level replay calls the score once for the news and once more with these.

        Returns the scores, and what this play adds to the records (leading axis `level`), which
        must not depend on `records`.

        Raises `ValueError` if the evidence has sizes that `check` refuses.
        """

    @abc.abstractmethod
    def merge(self, record: Record, news: Record) -> Record:
        """The record of one level with the news of one play added.

        A level may be played several times in one cycle, so the order of merging must not matter.
        """


class AbstractSelectiveScore(AbstractScore[None]):
    """A score without memory that needs evidence of certain sizes, and says so in `check`."""

    @abc.abstractmethod
    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        """How useful each level looks."""

    def init(self) -> None:
        return None

    def __call__(self, evidence: Evidence, records: None) -> tuple[Float[Array, " level"], None]:
        check_evidence(self, evidence)
        return self.score(evidence), None

    def merge(self, record: None, news: None) -> None:
        return None


class AbstractMemorylessScore(AbstractSelectiveScore):
    """A score without memory, of any evidence. To write one, fill in `score`:

    ```python
    class SuccessRate(AbstractMemorylessScore):
        can_be_negative = False

        def score(self, evidence):
            rates = FinishedEpisodes.of(evidence).mean_of_sums(evidence.successes)
            return jnp.mean(rates, axis=0)
    ```
    """

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        del num_students, num_trials, num_value_heads


def check_memoryless(owner: str, score: AbstractScore) -> None:
    """Raises `ValueError`, with the name of who would use it, for a score that keeps records."""
    if jax.tree.leaves(score.init()):
        raise ValueError(
            f"{owner}: the score {type(score).__name__} keeps a record of every level, and nobody "
            "would store it; choose a score without memory, or LevelReplay."
        )


def check_evidence(score: AbstractScore, evidence: Evidence) -> None:
    """Raises `ValueError` if the evidence has sizes that the score refuses."""
    num_students, _, _, num_trials, num_value_heads = evidence.values.shape
    score.check(num_students, num_trials, num_value_heads)
