"""What the recipes of worlds with boxes of numbers share."""

from ..agents import PPO, Adam
from ..curricula import (
    AbstractCurriculum,
    AbstractLevelSource,
    AdversarialDesign,
    LevelReplay,
    Sequential,
)
from ..envs.boxes import AbstractBoxEnv, GaussianEdits, Grid, Uniform
from ..nets import ActorCritic, MLPHead
from ..nets._action_head import ClippedNormal
from ..runners import Evaluation, Schedule
from ..runners._experiment import Experiment
from ..scores import MeanReturn


def on_box(
    env: AbstractBoxEnv,
    curriculum: AbstractCurriculum,
    *,
    tests: tuple[str, ...],
    learning_rate: float = 1e-3,
    entropy_coef: float = 1e-3,
    initial_std: float = 0.5,
) -> Experiment:
    """A small student without memory that learns within minutes on two CPU cores, evaluated at the
    corners of the box of these parameters."""
    student = PPO(
        ActorCritic(head=MLPHead(head_size=64), box=ClippedNormal(initial_std)),
        optimiser=Adam(learning_rate=learning_rate),
        discount=0.99,
        gae_lambda=0.95,
        entropy_coef=entropy_coef,
        num_minibatches=4,
    )
    return Experiment(
        env=env,
        student=student,
        curriculum=curriculum,
        num_steps=200,
        schedule=Schedule(num_updates=300, checkpoint_every=100),
        evaluation=Evaluation(Grid(names=tests), num_episodes=50, unseen=Uniform()),
    )


def paid_by_return(source: AbstractLevelSource) -> AdversarialDesign:
    """A source that learns from the mean return on each of its levels."""
    return AdversarialDesign(source, objective=MeanReturn())


def replay() -> LevelReplay:
    """Robust PLR on uniform levels."""
    return LevelReplay(Uniform(), capacity=1000, min_fill_ratio=0.25)


def edits() -> LevelReplay:
    """ACCEL from levels near the middle of the box."""
    return LevelReplay(
        Uniform(share=0.2),
        capacity=1000,
        min_fill_ratio=0.1,
        schedule=Sequential(replay_prob=0.8),
        mutator=GaussianEdits(),
    )
