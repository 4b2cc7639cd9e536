"""How undecided it is whether a level is solved."""

from jaxtyping import Array, Float

from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractFormula
from ._unmeasured import mean_over_those_that_finished


class Learnability(AbstractFormula):
    """`p (1 - p)` with the success rate `p`: in [0, 0.25], highest where half the episodes succeed.

    `p` is a student's success rate on the level. Each play (trial) counts once, by its own share of
    successes among the episodes that it finished, so that a level with quick successes and slow
    failures does not look easier than it is. The score is averaged over the students that finished
    an episode there, and 0 if none did (sampling for learnability, Rutherford et al. 2024,
    arXiv 2408.15099).

    A single play of a level can hardly tell levels apart, since nearly all of them then score 0:
    play several trials, each at least as long as the environment's time limit. `n` plays that each
    succeed with chance `p` score `(1 - 1 / n) p (1 - p)` on average.
    """

    can_be_negative = False

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        episodes = Episodes.of(evidence)
        # A success ends its episode, so the successes of an episode are 0 or 1.
        rates = episodes.mean_of_sums(evidence.successes)
        return mean_over_those_that_finished(episodes, rates * (1 - rates))
