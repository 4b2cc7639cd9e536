"""How undecided it is whether a level is solved, by all its plays so far."""

from jaxtyping import Array, Float, Int

from .._ranges import check_at_least, check_between
from .._types import Scalar
from ..rollouts._evidence import Evidence
from ._counting import AbstractCounting, ByPlay
from ._learnability import learnability
from ._visits import AbstractVisitScore

Counts = tuple[Float[Array, ""], Float[Array, ""]]


class KeptLearnability(AbstractVisitScore):
    """Learnability with counts that are kept: it tells levels apart with one trial. At least 0.

    `p (1 - p)` with `p = (s + prior) / (n + 2 prior)`, where `s` of a student's `n` attempts on the
    level succeeded, those of earlier cycles included, averaged over the students that finished an
    episode there. In every cycle that plays a level what is known of it from before counts `fade`
    times as much, since the student has changed. A new level is undecided, and is worth more than
    one that failed more often. (`p (1 - p)`: Rutherford et al. 2024, arXiv 2408.15099. The counts
    are ours.)

    The record of a level is what was counted, and in which cycle.
    """

    counting: AbstractCounting = ByPlay()
    """What counts as an attempt: a play, an episode, or a play with any success."""
    fade: Scalar = 0.9
    """What earlier attempts count for, each time that the level is played again."""
    prior: Scalar = 1.0
    """Successes, and as many failures, that are assumed before the first attempt."""
    tie_break: Scalar | None = None
    """Added times `p`, so that of levels equally undecided the easier one is preferred."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "fade")
        check_at_least(self, 0, "prior", "tie_break")

    def measure(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        return self.counting.count(evidence)

    def blank(self) -> tuple[float, float]:
        return 0.0, 0.0

    def roll(self, past: Counts, total: Float[Array, ""], count: Float[Array, ""]) -> Counts:
        successes, attempts = past
        return self.fade * (successes + total), self.fade * (attempts + count)

    def judge(
        self,
        past: Counts,
        num_past: Int[Array, ""],
        total: Float[Array, ""],
        count: Float[Array, ""],
    ) -> Float[Array, ""]:
        successes, attempts = past[0] + total, past[1] + count
        rate = (successes + self.prior) / (attempts + 2 * self.prior)
        return learnability(rate, self.tie_break)
