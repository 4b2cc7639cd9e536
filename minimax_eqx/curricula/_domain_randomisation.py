"""Domain randomisation: every level is drawn afresh."""

from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from .._types import Level
from ..envs import AbstractLevelGenerator
from ..rollouts._evidence import Evidence
from ._curriculum import AbstractCurriculum, Proposal


class DomainRandomisation(AbstractCurriculum[Level], Generic[Level]):
    """Plays levels straight from a generator and learns nothing (Tobin et al. 2017).

    When an episode ends the play goes on with another fresh level. Those are drawn once a cycle,
    `num_spare_levels` for each play; a play that finishes more episodes than that in one cycle
    meets its own levels again. With 0 it stays on its first level, as level replay does.

    Raises `ValueError` if `num_levels` is less than 1 or `num_spare_levels` is negative.
    """

    generator: AbstractLevelGenerator[Level]
    num_levels: int = eqx.field(static=True, default=32)
    num_spare_levels: int = eqx.field(static=True, default=15)

    def __check_init__(self) -> None:
        if self.num_levels < 1:
            raise ValueError(
                f"DomainRandomisation.num_levels is {self.num_levels}; it must be at least 1."
            )
        if self.num_spare_levels < 0:
            raise ValueError(
                f"DomainRandomisation.num_spare_levels is {self.num_spare_levels}; "
                "it must not be negative."
            )

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        del num_students, num_trials, num_value_heads

    def propose(self, key: Key[Array, ""]) -> tuple["DomainRandomisation[Level]", Proposal[Level]]:
        keys = jax.random.split(key, (self.num_levels, 1 + self.num_spare_levels))
        drawn = jax.vmap(jax.vmap(self.generator.sample))(keys)
        levels = jax.tree.map(lambda leaf: leaf[:, 0], drawn)
        spare_levels = None
        if self.num_spare_levels > 0:
            spare_levels = jax.tree.map(lambda leaf: leaf[:, 1:], drawn)
        return self, Proposal(levels, spare_levels)

    def learn(
        self, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple["DomainRandomisation[Level]", dict[str, Float[Array, ""]]]:
        del proposal, evidence, key
        return self, {}
