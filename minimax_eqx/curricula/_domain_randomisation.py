"""Domain randomisation: every level is drawn afresh."""

from typing import Generic

import jax
from jaxtyping import Array, Key

from .._metrics import Metrics
from .._ranges import check_at_least
from .._types import Level
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_makes_levels
from ._level_spec import LevelSpec


class DomainRandomisation(AbstractCurriculum[Level, LevelSpec], Generic[Level]):
    """Plays levels straight from a generator and learns nothing (Tobin et al. 2017).

    When an episode ends the play goes on with another fresh level. Those are drawn once a cycle; a
    play that finishes more episodes than that in one cycle meets its own levels again.
    """

    generator: AbstractLevelGenerator[Level]
    """Where the levels come from."""
    num_levels: int = 32
    """How many levels each cycle plays side by side."""
    num_spare_levels: int = 15
    """How many further levels each play gets for when an episode ends; with 0 it stays on its first
    level, as level replay does."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_levels")
        check_at_least(self, 0, "num_spare_levels")

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> LevelSpec:
        del key
        level = evidence.level_spec()
        check_makes_levels(self.generator, level)
        return LevelSpec.of(level)

    def propose(
        self, state: LevelSpec, *, key: Key[Array, ""]
    ) -> tuple[LevelSpec, Proposal[Level]]:
        keys = jax.random.split(key, (self.num_levels, 1 + self.num_spare_levels))
        sample = lambda key: self.generator.sample(state.level, key=key)  # noqa: E731
        drawn = jax.vmap(jax.vmap(sample))(keys)
        levels = jax.tree.map(lambda leaf: leaf[:, 0], drawn)
        spare_levels = None
        if self.num_spare_levels > 0:
            spare_levels = jax.tree.map(lambda leaf: leaf[:, 1:], drawn)
        return state, Proposal(levels, spare_levels)

    def learn(
        self,
        state: LevelSpec,
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[LevelSpec, Metrics]:
        del proposal, evidence, key
        return state, {}
