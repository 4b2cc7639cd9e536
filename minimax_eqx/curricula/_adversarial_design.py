"""Adversarial design: a teacher designs every level, and is paid for what it does to students."""

from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._metrics import Metrics, join_metrics
from .._ranges import check_at_least
from .._types import Level, PyTree
from ..agents import AbstractLearner
from ..rollouts import Evidence
from ..scores import AbstractScore
from ..scores._score import init_memoryless
from ._curriculum import AbstractCurriculum, Proposal
from ._keys import key_aside
from ._level_source import AbstractLevelSource, show
from ._scoring import named_metrics
from ._spent import Spent


class AdversarialDesignState(eqx.Module):
    """The states of the parts."""

    source: PyTree
    objective: PyTree


class AdversarialDesign(AbstractCurriculum[Level, AdversarialDesignState], Generic[Level]):
    """Levels come from a source that learns, which is paid by an objective in every cycle.

    The source is a teacher that designs levels, or one that chooses numbers in a box.

    | method | objective | students |
    | --- | --- | --- |
    | minimax adversary | `NegativeReturn()` | 1, or more |
    | PAIRED (arXiv 2012.02096) | `RelativeRegret()` or `MeanRelativeRegret()` | 2 |
    | population PAIRED | `PopulationRegret()` | 2 or more |
    | curricula over boxes of numbers | `MeanReturn()` | 1, or more |

    Of two students the first is the protagonist and the second the antagonist. All of them learn in
    every cycle.
    """

    generator: AbstractLevelSource[Level, PyTree, PyTree]
    """Where the levels come from, and what learns from their payoffs."""
    objective: AbstractScore
    """What the generator is paid for each level; a score without records."""
    num_levels: int = 32
    """How many levels each cycle designs and plays."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_levels")

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    def teacher(self) -> AbstractLearner | None:
        return self.generator.learner()

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> AdversarialDesignState:
        name = type(self).__name__
        objective = init_memoryless(name, self.objective, evidence, key=key_aside(key))
        return AdversarialDesignState(
            self.generator.init(evidence.level_spec(), key=key), objective
        )

    def propose(
        self, state: AdversarialDesignState, *, key: Key[Array, ""]
    ) -> tuple[AdversarialDesignState, Proposal[Level]]:
        levels, memory = self.generator.draw(state.source, self.num_levels, key=key)
        return state, Proposal(levels, memory=memory)

    def learn(
        self,
        state: AdversarialDesignState,
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[AdversarialDesignState, Metrics]:
        payoffs, _, objective = self.objective(evidence, None, state.objective)
        source, learned = self.generator.learn(state.source, proposal.memory, payoffs, key=key)
        source, watched = show(self.generator, source, evidence, key=key_aside(key))
        measured = named_metrics("objective", self.objective, objective)
        metrics = join_metrics(
            [
                (f"the generator {type(self.generator).__name__}", learned | watched),
                (f"the objective {type(self.objective).__name__}", measured),
            ]
        )
        return AdversarialDesignState(source, objective), metrics

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent:
        steps = self.generator.steps_per_level(level)
        designing = None if steps is None else num_cycles * self.num_levels * steps
        return Spent(num_updated * self.num_levels, steps_designing=designing)
