"""How new a level looks beside what students were trained on."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_positive
from .._types import PyTree, Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._gaussians import Gaussians
from ._max_mc import MaxMC
from ._score import AbstractScore
from ._second_score import SecondScore
from ._transition_model import actions_as_numbers
from ._unmeasured import mean_over_those_that_finished


class Coverage(eqx.Module):
    """What students were trained on, and its density."""

    regret: PyTree  # the state of the first score
    projection: Float[Array, "input projected"]
    window: Float[Array, "pair feature"]  # the latest first
    num_pairs: Int[Array, ""]  # of the window that are there
    pending: Float[Array, "new_pair feature"]  # of the latest cycle
    num_updates: Int[Array, ""]  # of the students when they played that; -1 before
    num_lessons: Int[Array, ""]  # cycles that came into the window
    density: Gaussians
    cycle: Int[Array, ""]


class CENIE(AbstractScore[SecondScore, Coverage]):
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

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[SecondScore, Coverage]:
        regret_key, projection_key = jax.random.split(key)
        record, regret = self.regret.init(evidence, key=regret_key)
        seen, actions = eqx.filter_eval_shape(_seen_and_done, evidence)
        shape = (seen.shape[-1], self.num_features)
        projection = jax.random.normal(projection_key, shape, jnp.float32) / math.sqrt(shape[0])
        size = self.num_features + actions.shape[-1]
        zero = jnp.zeros((), jnp.int32)
        return SecondScore.blank(record), Coverage(
            regret,
            projection,
            window=jnp.zeros((self.window, size), jnp.float32),
            num_pairs=zero,
            pending=jnp.zeros((self.num_new_pairs, size), jnp.float32),
            num_updates=zero - 1,
            num_lessons=zero,
            density=Gaussians.at(jnp.zeros((self.num_components, size), jnp.float32)),
            cycle=zero,
        )

    def __call__(
        self, evidence: Evidence, records: SecondScore, state: Coverage
    ) -> tuple[Float[Array, " level"], SecondScore, Coverage]:
        scores, own, regret = self.regret(evidence, records.own, state.regret)
        state = self._after_lesson(state, jnp.sum(evidence.students.num_updates, dtype=jnp.int32))
        seen, actions = _seen_and_done(evidence)
        pairs = jnp.concatenate([seen @ state.projection, actions], axis=-1)
        flat = pairs.reshape(-1, pairs.shape[-1])
        episodes = Episodes.of(evidence)
        surprise = -state.density.log_density(flat).reshape(pairs.shape[:-1])
        novelty = mean_over_those_that_finished(episodes, episodes.pooled_mean(surprise))
        novelty = jnp.where(state.num_lessons > 0, novelty, 0.0)
        finished = episodes.finished_on_level
        cycles = jnp.where(finished, state.cycle, -1)
        news = SecondScore(
            own, cycles, jnp.where(finished, novelty, 0.0), finished.astype(jnp.float32)
        )
        # Evenly spread over all plays, and elsewhere in every cycle.
        places = jnp.arange(self.num_new_pairs) * len(flat) // self.num_new_pairs
        state = dataclasses.replace(
            state,
            regret=regret,
            pending=flat[(places + state.cycle) % len(flat)],
            num_updates=jnp.sum(evidence.students.num_updates, dtype=jnp.int32),
            cycle=state.cycle + 1,
        )
        return scores, news, state

    def merge(self, record: SecondScore, news: SecondScore) -> SecondScore:
        return record.with_news(self.regret.merge(record.own, news.own), news)

    def metrics(self, state: Coverage) -> Metrics:
        return self.regret.metrics(state.regret)

    def _after_lesson(self, state: Coverage, num_updates: Int[Array, ""]) -> Coverage:
        """With the latest cycle in the window, if the students have learned from it since."""
        learned = (state.num_updates >= 0) & (num_updates > state.num_updates)
        window = jnp.concatenate([state.pending, state.window])[: self.window]
        window = jnp.where(learned, window, state.window)
        num_new = jnp.where(learned, self.num_new_pairs, 0)
        num_pairs = jnp.minimum(state.num_pairs + num_new, self.window)
        is_first = state.num_lessons == 0
        places = jnp.arange(self.num_components) * self.num_new_pairs // self.num_components
        begin = jax.tree.map(
            lambda new, old: jnp.where(is_first, new, old),
            Gaussians.at(window[places]),
            state.density,
        )
        counts = (jnp.arange(self.window) < num_pairs).astype(jnp.float32)
        density = jax.lax.cond(
            learned & (state.num_lessons % self.refit_every == 0),
            lambda: begin.fitted(window, counts, self.num_fit_steps, self.min_variance),
            lambda: state.density,
        )
        num_lessons = state.num_lessons + learned.astype(jnp.int32)
        return dataclasses.replace(
            state, window=window, num_pairs=num_pairs, density=density, num_lessons=num_lessons
        )


def _seen_and_done(
    evidence: Evidence,
) -> tuple[
    Float[Array, "student time level trial input"], Float[Array, "student time level trial action"]
]:
    """What was seen and done, as numbers."""
    leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(evidence.observations)]
    seen = jnp.concatenate([leaf.reshape(*leaf.shape[:4], -1) for leaf in leaves], axis=-1)
    return seen, actions_as_numbers(evidence)
