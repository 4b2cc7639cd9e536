"""What decides which levels are played next, and learns from what happened on them."""

import abc
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Key

from .._metrics import Metrics
from .._types import Level, PyTree, State
from ..agents import AbstractLearner
from ..rollouts import Evidence
from ._spent import Spent
from ._stored import StoredLevels


class Proposal(eqx.Module, Generic[Level]):
    """The levels of one cycle, and what is to be done with them."""

    levels: Level
    """Leading axis `level`: each is played from the first step of the cycle."""
    spare_levels: Level | None = None
    """Leading axes `level spare`: what each play goes on with when an episode ends, in order, and
    around again when they are used up. None: the same level is played again."""
    update_students: Bool[Array, ""] | None = None
    """Whether the students learn from this cycle. None: always, and the compiled cycle then has no
    branch for it."""
    num_update_levels: int | None = eqx.field(static=True, default=None)
    """The students learn from the first `num_update_levels` levels only. None: from all."""
    groups: dict[str, Bool[Array, " level"]] | None = None
    """Sets of levels, by name, that metrics describe separately, as masks."""
    memory: PyTree = None
    """Anything that the curriculum wants back in `learn`."""


class AbstractCurriculum(eqx.Module, Generic[Level, State]):
    """Proposes levels, and learns from the evidence of how they were played.

    The module itself holds settings alone, and never changes. What it learns is its state, which
    you design: a module of arrays, None, or any PyTree, `eqx.nn` layers included. In every cycle
    the runner calls `propose`, has the levels played, and calls `learn`. Whatever `learn` does not
    read of the evidence is not computed.
    """

    @property
    @abc.abstractmethod
    def levels_per_cycle(self) -> int:
        """How many levels each cycle plays, those of all kinds together."""

    @abc.abstractmethod
    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> State:
        """The first state.

        The runner calls this once, when it is made. `evidence` has the shapes and types of what
        will come, as `jax.ShapeDtypeStruct`s; `evidence.level_spec()` is the structure of a level.
        Raise `ValueError` here if you can't learn from such evidence or make such levels.
        """

    @abc.abstractmethod
    def propose(self, state: State, *, key: Key[Array, ""]) -> tuple[State, Proposal[Level]]:
        """Chooses `levels_per_cycle` levels for the next cycle."""

    @abc.abstractmethod
    def learn(
        self, state: State, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple[State, Metrics]:
        """Takes in what happened on the proposal; returns the new state and metrics.

        `state` and `proposal` are what `propose` gave for this cycle. The evidence is of the whole
        play, and its students are those that began it, before they were updated.
        """

    def check_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> None:
        """Raises `ValueError` if you would never get on with levels of that structure. Optional.

        An `Experiment` calls it when it is composed. For example, level replay refuses a generator
        of fewer different levels than it waits for. Start no computation: JAX may not run yet.
        """
        return None

    def teacher(self) -> AbstractLearner | None:
        """What learns once in every cycle, beside the students. Optional.

        An experiment asks, to find out whether its learning rate lasts for the whole run. Where a
        teacher learns in some cycles only, nobody can tell, so that None is the answer then too.
        """
        return None

    def weights(
        self, state: State, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> Float[Array, "student time level trial"] | None:
        """How much each step counts when the students learn: at least 0, 1 is the usual. Optional.

        The runner calls it between the play and the update, with the state that `propose` gave. For
        example, a curriculum may mask what the students shall not learn from, which it knows only
        when the levels have been played. None stands for all 1.

        Where a play has several rollouts (`Experiment.rollouts_per_play`), the runner asks after
        each, and the evidence is of that rollout: an episode may have begun before its first step.
        """
        return None

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent | None:
        """What all levels of a run were played for, as far as you can tell. Optional.

        The ledger of a run asks after each log interval, on the host. `num_cycles` cycles have been
        made, the students learned after `num_updated` of them, and `level` is the structure of a
        level. None stands for `levels_per_cycle` levels to learn from in each of the latter.
        """
        return None

    def stored(self, state: State) -> StoredLevels[Level] | None:
        """The levels that you keep and what you know of each, for people to look at. Optional.

        The host calls it between dispatches, in a program of its own, so that it costs no cycle
        anything. None says that you keep no levels; what you propose is shown then.
        """
        return None
