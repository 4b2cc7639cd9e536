"""What decides which levels are played next, and learns from what happened on them."""

import abc
from typing import Generic

import equinox as eqx
from jaxtyping import Array, Bool, Float, Key

from .._types import Level, PyTree
from ..rollouts import Evidence


class Proposal(eqx.Module, Generic[Level]):
    """The levels of one cycle.

    - `levels`, leading axis `level`: each is played from the first step of the cycle.
    - `spare_levels`, leading axes `level spare`: what each play goes on with when an episode ends,
      in order, and around again when they are used up. None: the same level is played again.
    - `update_students`: whether the students learn from this cycle. None: always, and the compiled
      cycle then has no branch for it.
    - `num_update_levels`: the students learn from the first so many levels only. None: from all.
    - `groups`: sets of levels, by name, that metrics describe separately, as masks.
    - `memory`: anything that the curriculum wants back in `learn`.
    """

    levels: Level
    spare_levels: Level | None = None
    update_students: Bool[Array, ""] | None = None
    num_update_levels: int | None = eqx.field(static=True, default=None)
    groups: dict[str, Bool[Array, " level"]] | None = None
    memory: PyTree = None


class AbstractCurriculum(eqx.Module, Generic[Level]):
    """Proposes levels and learns from the evidence. The module is the whole state.

    Whatever `learn` does not read of the evidence is not computed.
    """

    num_levels: eqx.AbstractVar[int]

    @abc.abstractmethod
    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        """Raises `ValueError` if the curriculum cannot learn from evidence of these sizes."""

    @abc.abstractmethod
    def propose(self, key: Key[Array, ""]) -> tuple["AbstractCurriculum[Level]", Proposal[Level]]:
        """Chooses `num_levels` levels for the next cycle."""

    @abc.abstractmethod
    def learn(
        self, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple["AbstractCurriculum[Level]", dict[str, Float[Array, ""]]]:
        """Takes in what happened on the proposal; returns the new curriculum and metrics."""
