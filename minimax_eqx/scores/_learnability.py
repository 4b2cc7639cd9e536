"""How undecided it is whether a level is solved."""

from jaxtyping import Array, Float

from .._ranges import check_at_least
from .._types import Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._counting import AbstractCounting, ByPlay
from ._score import AbstractFormula
from ._unmeasured import mean_over_those_that_finished


class Learnability(AbstractFormula):
    """`p (1 - p)` with the success rate `p`: in [0, 0.25], highest where half the attempts succeed.

    `p` is a student's success rate on the level, as `counting` says. The score is averaged over the
    students that finished an episode there, and 0 if none did (sampling for learnability,
    Rutherford et al. 2024, arXiv 2408.15099).

    A single play of a level can hardly tell levels apart, since nearly all of them then score 0:
    play several trials, each at least as long as the environment's time limit, or keep counts, as
    `KeptLearnability` does. `n` plays that each succeed with chance `p` score
    `(1 - 1 / n) p (1 - p)` on average.
    """

    counting: AbstractCounting = ByPlay()
    """What counts as an attempt: a play, an episode, or a play with any success."""
    tie_break: Scalar | None = None
    """Added times `p`, so that always solved beats never solved; Kinetix has 0.001."""
    shrinkage: Scalar | None = None
    """With `n` attempts the score is taken times `n / (n + shrinkage)`; DiscoGen has 1."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_at_least(self, 0, "tie_break", "shrinkage")

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        successes, attempts = self.counting.count(evidence)
        scores = learnability(successes / attempts, self.tie_break)
        if self.shrinkage is not None:
            scores = scores * (attempts / (attempts + self.shrinkage))
        return mean_over_those_that_finished(Episodes.of(evidence), scores)


def learnability(rates: Float[Array, "*batch"], tie_break: Scalar | None) -> Float[Array, "*batch"]:
    """`p (1 - p)` of success rates `p`, and a little for a success where two are equal."""
    undecided = rates * (1 - rates)
    return undecided if tie_break is None else undecided + tie_break * rates
