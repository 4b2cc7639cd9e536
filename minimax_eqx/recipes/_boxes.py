"""What the recipes of worlds with boxes of numbers share."""

from .. import agents, curricula, nets, runners, scores
from ..envs import boxes
from ..nets._action_head import ClippedNormal
from ..runners._experiment import Experiment


def on_box(
    env: boxes.AbstractBoxEnv,
    curriculum: curricula.AbstractCurriculum,
    *,
    tests: tuple[str, ...],
    learning_rate: float = 1e-3,
    entropy_coef: float = 1e-3,
    initial_std: float = 0.5,
) -> Experiment:
    """A small student without memory that learns within minutes on two CPU cores, evaluated at the
    corners of the box of these parameters."""
    student = agents.PPO(
        nets.ActorCritic(head=nets.MLPHead(head_size=64), box=ClippedNormal(initial_std)),
        optimiser=agents.Adam(learning_rate=learning_rate),
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
        schedule=runners.Schedule(num_updates=300, checkpoint_every=100),
        evaluation=runners.Evaluation(
            boxes.Grid(names=tests), num_episodes=50, unseen=boxes.Uniform()
        ),
    )


def paid_by_return(source: curricula.AbstractLevelSource) -> curricula.AdversarialDesign:
    """A source that learns from the mean return on each of its levels."""
    return curricula.AdversarialDesign(source, objective=scores.MeanReturn())


def replay() -> curricula.LevelReplay:
    """Robust PLR on uniform levels."""
    return curricula.LevelReplay(boxes.Uniform(), capacity=1000, min_fill_ratio=0.25)


def edits() -> curricula.LevelReplay:
    """ACCEL from levels near the middle of the box."""
    return curricula.LevelReplay(
        boxes.Uniform(share=0.2),
        capacity=1000,
        min_fill_ratio=0.1,
        schedule=curricula.Sequential(replay_prob=0.8),
        mutator=boxes.GaussianEdits(),
    )
