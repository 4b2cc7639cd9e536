"""How new a level looks beside what students were trained on."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_positive
from .._types import PyTree, Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._coverage import Coverage
from ._max_mc import MaxMC
from ._score import AbstractScore
from ._second_score import SecondScore
from ._transition_model import actions_as_numbers
from ._unmeasured import mean_over_those_that_finished


class CENIEState(eqx.Module):
    """The state of the first score, how observations are read, and what students know."""

    regret: PyTree
    projection: Float[Array, "input projected"]
    coverage: Coverage


class CENIE(AbstractScore[SecondScore, CENIEState]):
    """A score of regret, and beside it the novelty of a level, for `BothScores`.

    The novelty is the mean of `-log density` over the pairs of observation and action in a level's
    finished episodes, then over students. The density is a mixture of Gaussians, fitted to a window
    of the latest pairs that students were trained on (Teoh et al. 2024, arXiv 2502.05726). The
    score itself is that of `regret`.

    For the authors a state on mazes is the student's memory. Here it is a fixed random projection
    of the observation, and the action is one-hot. A cycle's pairs come into the window once its
    students have learned. Novelties of different fits are no more comparable than their ranks.
    """

    regret: AbstractScore = MaxMC()
    """How useful a level looks apart from its novelty."""
    num_components: int = 10
    """Gaussians of the mixture."""
    window: int = 4096
    """How many of the latest pairs the density is fitted to."""
    num_new_pairs: int = 512
    """How many pairs of a cycle come into the window."""
    num_features: int = 32
    """Numbers that an observation is projected to."""
    refit_every: int = 4
    """After how many updates of the students the density is fitted again, from the last fit."""
    num_fit_steps: int = 20
    """Steps of expectation maximisation in a fit."""
    min_variance: Scalar = 0.01
    """What is added to each variance."""
    can_be_negative = True

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_components", "num_new_pairs", "num_features")
        check_at_least(self, 1, "refit_every", "num_fit_steps")
        check_at_least(self, max(self.num_components, self.num_new_pairs), "window")
        check_positive(self, "min_variance")

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[SecondScore, CENIEState]:
        regret_key, projection_key = jax.random.split(key)
        record, regret = self.regret.init(evidence, key=regret_key)
        seen, actions = eqx.filter_eval_shape(_seen_and_done, evidence)
        shape = (seen.shape[-1], self.num_features)
        projection = jax.random.normal(projection_key, shape, jnp.float32) / math.sqrt(shape[0])
        coverage = Coverage.blank(
            self.num_features + actions.shape[-1],
            window=self.window,
            num_new_pairs=self.num_new_pairs,
            num_components=self.num_components,
        )
        return SecondScore.blank(record), CENIEState(regret, projection, coverage)

    def __call__(
        self, evidence: Evidence, records: SecondScore, state: CENIEState
    ) -> tuple[Float[Array, " level"], SecondScore, CENIEState]:
        scores, own, regret = self.regret(evidence, records.own, state.regret)
        num_updates = jnp.sum(evidence.students.num_updates, dtype=jnp.int32)
        coverage = state.coverage.learned(
            num_updates,
            refit_every=self.refit_every,
            num_fit_steps=self.num_fit_steps,
            min_variance=self.min_variance,
        )
        seen, actions = _seen_and_done(evidence)
        pairs = jnp.concatenate([seen @ state.projection, actions], axis=-1)
        episodes = Episodes.of(evidence)
        surprise = episodes.pooled_mean(coverage.surprise(pairs))
        novelty = mean_over_those_that_finished(episodes, surprise)
        novelty = jnp.where(coverage.num_lessons > 0, novelty, 0.0)
        news = SecondScore.of_play(own, coverage.cycle, novelty, episodes.finished_on_level)
        coverage = coverage.played(pairs.reshape(-1, pairs.shape[-1]), num_updates)
        return scores, news, CENIEState(regret, state.projection, coverage)

    def merge(self, record: SecondScore, news: SecondScore) -> SecondScore:
        return record.with_news(self.regret.merge(record.own, news.own), news)

    def metrics(self, state: CENIEState) -> Metrics:
        return self.regret.metrics(state.regret)


def _seen_and_done(
    evidence: Evidence,
) -> tuple[
    Float[Array, "student time level trial input"], Float[Array, "student time level trial action"]
]:
    """What was seen and done, as numbers."""
    leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(evidence.observations)]
    seen = jnp.concatenate([leaf.reshape(*leaf.shape[:4], -1) for leaf in leaves], axis=-1)
    return seen, actions_as_numbers(evidence)
