"""Scores that remember what the earlier cycles of a level came to."""

import abc
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._types import PyTree
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractScore
from ._unmeasured import mean_over_those_that_finished


class Visits(eqx.Module):
    """What is remembered of a level, for each student: its latest cycle, and those before it.

    A level may be played several times in one cycle, so that cycle's numbers are added up, and
    become the past only when the level is played in a later one. The order of plays has no say.
    """

    past: PyTree  # what earlier cycles came to
    num_past: Int[Array, "*batch"]  # how many those were
    total: Float[Array, "*batch"]  # in the latest cycle
    count: Float[Array, "*batch"]  # of what is added up there
    cycle: Int[Array, "*batch"]  # which one it was; -1 before the first


class AbstractVisitScore(AbstractScore[Visits, Int[Array, ""]]):
    """A score of what a level's plays of one cycle amount to, compared with earlier cycles.

    You say what is measured, what it becomes once it is past, and how it is judged. The state is
    the number of cycles so far.
    """

    @abc.abstractmethod
    def measure(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        """A sum over the plays of each level, and how many summands it has: 0 and 0 without."""

    @abc.abstractmethod
    def blank(self) -> PyTree:
        """The past of a level never played, for one student."""

    @abc.abstractmethod
    def roll(self, past: PyTree, total: Float[Array, ""], count: Float[Array, ""]) -> PyTree:
        """The past once a cycle with that sum belongs to it, for one student on one level."""

    @abc.abstractmethod
    def judge(
        self,
        past: PyTree,
        num_past: Int[Array, ""],
        total: Float[Array, ""],
        count: Float[Array, ""],
    ) -> Float[Array, ""]:
        """The score for one student on one level, whose past is of that many cycles."""

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[Visits, Int[Array, ""]]:
        del key
        students = (evidence.num_students,)
        return self._news(jnp.zeros(students), jnp.zeros(students), -1), jnp.zeros((), jnp.int32)

    def __call__(
        self, evidence: Evidence, records: Visits, state: Int[Array, ""]
    ) -> tuple[Float[Array, " level"], Visits, Int[Array, ""]]:
        total, count = self.measure(evidence)
        news = jax.vmap(functools.partial(self._news, cycle=state))(total.T, count.T)
        known = jax.vmap(self.merge)(records, news)
        judge = jax.vmap(jax.vmap(self.judge))
        scores = judge(known.past, known.num_past, known.total, known.count)
        episodes = Episodes.of(evidence)
        return mean_over_those_that_finished(episodes, scores.T), news, state + 1

    def merge(self, record: Visits, news: Visits) -> Visits:
        return jax.vmap(self._merge)(record, news)

    def metrics(self, state: Int[Array, ""]) -> Metrics:
        return {}

    def _news(
        self,
        total: Float[Array, " student"],
        count: Float[Array, " student"],
        cycle: Int[Array, ""] | int,
    ) -> Visits:
        """What one cycle adds, without a past."""
        blank = jax.tree.map(jnp.asarray, self.blank())
        past = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, total.shape + leaf.shape), blank)
        cycles = jnp.where(count > 0, cycle, -1).astype(jnp.int32)
        return Visits(past, jnp.zeros_like(cycles), total, count, cycles)

    def _merge(self, record: Visits, news: Visits) -> Visits:
        """Of one student."""
        choose = lambda where, one, other: jax.tree.map(  # noqa: E731
            functools.partial(jnp.where, where), one, other
        )
        older = choose(record.cycle <= news.cycle, record, news)
        newer = choose(record.cycle <= news.cycle, news, record)
        # Of two plays in one cycle, neither or one knows what was before.
        known = choose(older.num_past > newer.num_past, older, newer)
        total, count = older.total + newer.total, older.count + newer.count
        together = Visits(known.past, known.num_past, total, count, newer.cycle)
        past = self.roll(older.past, older.total, older.count)
        later = Visits(past, older.num_past + 1, newer.total, newer.count, newer.cycle)
        is_later = (older.cycle >= 0) & (older.cycle < newer.cycle)
        return choose(is_later, later, together)
