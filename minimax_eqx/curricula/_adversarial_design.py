"""Adversarial design: a teacher designs every level, and is paid for what it does to students."""

import dataclasses
from typing import Generic

import equinox as eqx
from jaxtyping import Array, Float, Key

from .._types import Level
from ..agents import Trajectory
from ..rollouts._evidence import Evidence
from ..scores import AbstractScore
from ..scores._score import check_memoryless
from ._curriculum import AbstractCurriculum, Proposal
from ._level_source import AbstractLevelSource


class AdversarialDesign(AbstractCurriculum[Level], Generic[Level]):
    """Levels come from a learned generator, which is paid by an objective in every cycle.

    | method | objective | students |
    | --- | --- | --- |
    | minimax adversary | `NegativeReturn()` | 1, or more |
    | PAIRED (arXiv 2012.02096) | `RelativeRegret()` or `MeanRelativeRegret()` | 2 |
    | population PAIRED | `PopulationRegret()` | 2 or more |

    Of two students the first is the protagonist and the second the antagonist. All of them learn in
    every cycle. Raises `ValueError` if `num_levels` is less than 1, or the objective keeps records.
    """

    generator: AbstractLevelSource[Level, Trajectory]
    objective: AbstractScore[None]
    num_levels: int = eqx.field(static=True, default=32)

    def __check_init__(self) -> None:
        if self.num_levels < 1:
            raise ValueError(
                f"AdversarialDesign.num_levels is {self.num_levels}; it must be at least 1."
            )
        check_memoryless("AdversarialDesign", self.objective)

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        self.objective.check(num_students, num_trials, num_value_heads)

    def propose(self, key: Key[Array, ""]) -> tuple["AdversarialDesign[Level]", Proposal[Level]]:
        levels, memory = self.generator.draw(self.num_levels, key=key)
        return self, Proposal(levels, memory=memory)

    def learn(
        self, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple["AdversarialDesign[Level]", dict[str, Float[Array, ""]]]:
        payoffs, _ = self.objective(evidence, None)
        generator, metrics = self.generator.learn(proposal.memory, payoffs, key=key)
        return dataclasses.replace(self, generator=generator), metrics
