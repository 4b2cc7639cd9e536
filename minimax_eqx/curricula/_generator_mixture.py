"""Levels of several generators side by side."""

import math
from fractions import Fraction
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._metrics import Metrics
from .._ranges import check_at_least
from .._types import Level
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_makes_levels
from ._level_spec import LevelSpec


class GeneratorMixture(AbstractCurriculum[Level, LevelSpec], Generic[Level]):
    """Domain randomisation from several generators, each with a share of the levels of every cycle.

    Metrics describe each share by itself, under the name of its generator: how its levels look, how
    often they are solved. When an episode ends, the play goes on with another level of the same
    generator. Counts are fixed: of 32 levels, shares of 0.5, 0.3 and 0.2 are 16, 10 and 6.

    Raises `ValueError` unless there are as many shares as generators, all above 0, and a name for
    each if there are names; and if a share is too small for a level of its own.
    """

    generators: tuple[AbstractLevelGenerator[Level], ...]
    """Where levels come from."""
    # Not traced: they decide how many levels there are.
    shares: tuple[float, ...] = eqx.field(static=True, default=())
    """How large a share each generator has, in any unit; none means that all have the same."""
    names: tuple[str, ...] = ()
    """What metrics call each share; none means as its generator is called, with a number."""
    num_levels: int = 32
    """How many levels each cycle plays side by side, those of all generators together."""
    num_spare_levels: int = 15
    """How many further levels each play gets for when an episode ends."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_levels")
        check_at_least(self, 0, "num_spare_levels")
        num, shares = len(self.generators), self.shares
        bad = [s for s in shares if not (math.isfinite(s) and s > 0)]
        if num == 0 or bad or len(shares) not in (0, num) or len(self.names) not in (0, num):
            raise ValueError(
                f"GeneratorMixture has {num} generators, shares={shares} and names={self.names}; "
                "it needs a generator, a share above 0 for each or none, and a name for each or "
                "none."
            )
        if 0 in self.counts or len(set(self.names)) < len(self.names):
            raise ValueError(
                f"GeneratorMixture has {self.counts} levels of its generators, with names="
                f"{self.names}; raise num_levels or a share so that each has one, and let names "
                "differ."
            )

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    @property
    def counts(self) -> tuple[int, ...]:
        """How many levels of a cycle are of each generator: what is over goes to the largest
        remainders."""
        shares = [Fraction(str(share)) for share in self.shares or (1,) * len(self.generators)]
        exact = [share * self.num_levels / sum(shares) for share in shares]
        rest = self.num_levels - sum(map(int, exact))
        by_remainder = sorted(range(len(exact)), key=lambda i: int(exact[i]) - exact[i])
        return tuple(int(x) + (i in by_remainder[:rest]) for i, x in enumerate(exact))

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> LevelSpec:
        del key
        level = evidence.level_spec()
        for generator in self.generators:
            check_makes_levels(generator, level)
        return LevelSpec.of(level)

    def propose(
        self, state: LevelSpec, *, key: Key[Array, ""]
    ) -> tuple[LevelSpec, Proposal[Level]]:
        keys = jax.random.split(key, (self.num_levels, 1 + self.num_spare_levels))
        drawn, groups, start = [], {}, 0
        index = jnp.arange(self.num_levels)
        for i, (generator, count) in enumerate(zip(self.generators, self.counts, strict=True)):
            sample = lambda key, g=generator: g.sample(state.level, key=key)  # noqa: E731
            drawn.append(jax.vmap(jax.vmap(sample))(keys[start : start + count]))
            name = self.names[i] if self.names else f"{type(generator).__name__}{i}"
            groups[name] = (index >= start) & (index < start + count)
            start += count
        levels = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *drawn)
        spare = jax.tree.map(lambda leaf: leaf[:, 1:], levels) if self.num_spare_levels else None
        return state, Proposal(jax.tree.map(lambda leaf: leaf[:, 0], levels), spare, groups=groups)

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
