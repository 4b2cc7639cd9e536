"""Methods on worlds whose levels are numbers in a box.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores. A
module of recipes for such a world makes one `BoxRecipes` and names its methods.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

from .. import agents, curricula, nets, runners, scores
from .._composition._draft import with_changes
from ..agents._losses import AbstractValueLoss, ClippedValueLoss
from ..envs import boxes
from ..runners._experiment import Experiment

# What a module of recipes names: a function that takes other parts and values by their names.
Recipe: TypeAlias = Callable[..., Experiment]


@dataclasses.dataclass(frozen=True)
class BoxRecipes:
    """The methods on one world, each as a function that returns an `Experiment`.

    The student is small and has no memory. It is evaluated at the corners of the box of the
    parameters `tests`. `narrow_at` and `widen_at` are the returns at which ADR's ranges move. For
    DORAEMON the second one is a success, and self-paced learning stays above their middle.
    """

    world: Callable[[], boxes.AbstractBoxEnv]
    tests: tuple[str, ...]
    learning_rate: float = 1e-3
    entropy_coef: float = 1e-3
    initial_std: float = 0.5
    value_loss: AbstractValueLoss = dataclasses.field(default_factory=ClippedValueLoss)
    success_return: float | None = None
    narrow_at: float = 0.4
    widen_at: float = 0.8

    def dr(self, **changes: Any) -> Experiment:
        """Domain randomisation: levels from the whole box."""
        return self._by(curricula.DomainRandomisation(boxes.Uniform()), changes)

    def robust_plr(self, **changes: Any) -> Experiment:
        """PLR with updates on replayed levels only."""
        return self._by(
            curricula.LevelReplay(boxes.Uniform(), capacity=1000, min_fill_ratio=0.25), changes
        )

    def plr(self, **changes: Any) -> Experiment:
        """Prioritised level replay, with updates on new levels too."""
        return with_changes(self.robust_plr(learn_from=curricula.NewAndReplayed()), changes)

    def accel(self, **changes: Any) -> Experiment:
        """ACCEL: robust PLR that edits what it replays, from levels near the middle of the box."""
        curriculum = curricula.LevelReplay(
            boxes.Uniform(share=0.2),
            capacity=1000,
            min_fill_ratio=0.1,
            schedule=curricula.Sequential(replay_prob=0.8),
            mutator=boxes.GaussianEdits(),
        )
        return self._by(curriculum, changes)

    def adr(self, **changes: Any) -> Experiment:
        """ADR (arXiv 1910.07113): ranges of numbers widen with success."""
        source = curricula.ADR(narrow_at=self.narrow_at, widen_at=self.widen_at)
        return self._by(_paid_by_return(source), changes)

    def alp_gmm(self, **changes: Any) -> Experiment:
        """ALP-GMM (arXiv 1910.07224): numbers for which returns change are drawn more."""
        return self._by(_paid_by_return(curricula.AlpGmm()), changes)

    def doraemon(self, **changes: Any) -> Experiment:
        """DORAEMON (arXiv 2311.01885): as wide a distribution as the student succeeds on."""
        return self._by(_paid_by_return(curricula.Doraemon(success_at=self.widen_at)), changes)

    def self_paced(self, **changes: Any) -> Experiment:
        """Self-paced learning (arXiv 2004.11812): goes to a target as long as returns are good."""
        source = curricula.SelfPaced(payoff_at=(self.narrow_at + self.widen_at) / 2)
        return self._by(_paid_by_return(source), changes)

    def _by(self, curriculum: curricula.AbstractCurriculum, changes: dict[str, Any]) -> Experiment:
        student = agents.PPO(
            nets.ActorCritic(
                head=nets.MLPHead(head_size=64), box=nets.ClippedNormal(self.initial_std)
            ),
            optimiser=agents.Adam(learning_rate=self.learning_rate),
            discount=0.99,
            gae_lambda=0.95,
            value_loss=self.value_loss,
            entropy_coef=self.entropy_coef,
            num_minibatches=4,
        )
        experiment = Experiment(
            env=self.world(),
            student=student,
            curriculum=curriculum,
            num_steps=200,
            success_return=self.success_return,
            schedule=runners.Schedule(num_updates=300, checkpoint_every=100),
            evaluation=runners.Evaluation(
                boxes.Grid(names=self.tests), num_episodes=50, unseen=boxes.Uniform()
            ),
        )
        return with_changes(experiment, changes)


def _paid_by_return(source: curricula.AbstractLevelSource) -> curricula.AdversarialDesign:
    """A source that learns from the mean return on each of its levels."""
    return curricula.AdversarialDesign(source, objective=scores.MeanReturn())
