"""Methods on Brax's inverted pendulum, for which you need its extra: `minimax_eqx[brax]`.

A level is gravity, the pole's mass and the motor's strength. Hyperparameters are those that Brax
publishes for its PPO on this robot, as far as they fit. There an update learns from 16 x 2,048
stretches of 5 steps, and here from 640 stretches of 250, since a level is worth what whole episodes
say. Rewards are not multiplied by 10, and policy and values share the first layer.
Every function takes other parts and values by the short names that the command line has for them.
"""

from typing import Any

from .. import agents, curricula, nets, runners, scores
from .._composition._draft import with_changes
from ..envs import boxes
from ..envs.adapters.brax import Brax
from ..runners._experiment import Experiment

_LIMIT = 1_000  # steps, each of which pays 1
_NUM_LEVELS = 640


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of Brax's inverted pendulum."""
    curriculum = curricula.DomainRandomisation(boxes.Uniform(), _NUM_LEVELS)
    return with_changes(_experiment(curriculum), changes)


def robust_plr(**changes: Any) -> Experiment:
    """Brax's inverted pendulum by PLR, with updates on replayed levels only."""
    curriculum = curricula.LevelReplay(boxes.Uniform(), num_levels=_NUM_LEVELS)
    return with_changes(_experiment(curriculum), changes)


def accel(**changes: Any) -> Experiment:
    """Brax's inverted pendulum by ACCEL: from levels in the middle of the box, by edits."""
    curriculum = curricula.LevelReplay(
        boxes.Uniform(share=0.2),
        num_levels=_NUM_LEVELS,
        schedule=curricula.Sequential(replay_prob=0.8),
        mutator=boxes.GaussianEdits(),
    )
    return with_changes(_experiment(curriculum), changes)


def adr(**changes: Any) -> Experiment:
    """Brax's inverted pendulum by ADR (arXiv 1910.07113): ranges of numbers widen with success."""
    source = curricula.ADR(widen_at=0.8 * _LIMIT, narrow_at=0.4 * _LIMIT)
    curriculum = curricula.AdversarialDesign(
        source, objective=scores.MeanReturn(), num_levels=_NUM_LEVELS
    )
    return with_changes(_experiment(curriculum), changes)


def _experiment(curriculum: curricula.AbstractCurriculum) -> Experiment:
    network = nets.ActorCritic(
        nets.Normalised(nets.FlatEncoder()),
        head=nets.MLPHead(head_size=64),
        box=nets.SquashedNormal(),
    )
    student = agents.PPO(
        network,
        agents.Adam(learning_rate=3e-4, max_grad_norm=None, adam_epsilon=1e-8),
        discount=0.97,
        gae_lambda=0.95,
        clip_range=0.3,
        value_loss=agents.HuberValueLoss(),
        entropy_coef=0.01,
        num_epochs=4,
        num_minibatches=32,
        bootstrap_truncated=True,
    )
    return Experiment(
        env=Brax(max_episode_steps=_LIMIT),
        student=student,
        curriculum=curriculum,
        num_steps=250,
        rollouts_per_play=_LIMIT // 250,
        success_return=float(_LIMIT),
        schedule=runners.Schedule(num_updates=400, checkpoint_every=100),
        evaluation=runners.Evaluation(
            boxes.Grid(names=("mass_pole", "gear")), num_episodes=20, unseen=boxes.Uniform()
        ),
    )
