"""Methods on XLand-MiniGrid, for which you need its extra: `minimax_eqx[xland]`.

Hyperparameters are the package's own (arXiv 2312.12044), and of SFL's authors (arXiv 2408.15099)
for their methods, as far as they fit: made for an accelerator, with 8,192 plays side by side. Those
students learn over many episodes of one task, which they are to find out. Ours are shown the task
and forget at the end of an episode, so rollouts are as long as an episode: 256 steps for their 32.
Every function takes other parts and values by the short names that the command line has for them.
"""

from typing import Any

from .. import agents, curricula, nets, runners
from .._composition._draft import with_changes
from ..envs.adapters.xland import EachGoal, RandomTasks, SwapTiles, XLand
from ..runners._experiment import Experiment
from ._small import small

_NUM_PLAYS, _NUM_MINIBATCHES = 8_192, 16
# 10^10 steps in all.
_NUM_UPDATES = 4_768


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of tasks in XLand-MiniGrid."""
    curriculum = curricula.DomainRandomisation(RandomTasks(), _NUM_PLAYS)
    return with_changes(_experiment(curriculum), changes)


def robust_plr(**changes: Any) -> Experiment:
    """XLand-MiniGrid by PLR, with updates on replayed tasks only."""
    return with_changes(_experiment(_replay()), changes)


def plr(**changes: Any) -> Experiment:
    """XLand-MiniGrid by prioritised level replay, with updates on new tasks too."""
    return with_changes(robust_plr(learn_from=curricula.NewAndReplayed()), changes)


def accel(**changes: Any) -> Experiment:
    """XLand-MiniGrid by ACCEL: `robust_plr`, and what it replays is edited by swaps of tiles."""
    return with_changes(robust_plr(replay_prob=0.8, mutator=SwapTiles()), changes)


def sfl(**changes: Any) -> Experiment:
    """SFL on XLand-MiniGrid: trains on tasks that are solved now and then.

    8 plays of a candidate stand for their 10 episodes.
    """
    curriculum = curricula.SamplingForLearnability(
        RandomTasks(),
        num_levels=_NUM_PLAYS,
        num_candidates=100_000,
        num_plays=8,
        capacity=20_000,
        num_training_cycles=80,
    )
    return with_changes(_experiment(curriculum), changes)


def two_tasks(**changes: Any) -> Experiment:
    """Two trivial rule sets of XLand-MiniGrid, learned within minutes on two CPU cores.

    The student is to pick up the red ball, or the red square: both are there, and the goal says
    which. Hyperparameters are our own.
    """
    tasks = RandomTasks(goals=("hold",), num_kinds=2)
    experiment = small(dr(generator=tasks, suite=EachGoal(tasks)))
    return with_changes(experiment, changes)


def _replay() -> curricula.LevelReplay:
    return curricula.LevelReplay(
        RandomTasks(),
        num_levels=_NUM_PLAYS,
        capacity=40_000,
        min_fill_ratio=1.0,
        schedule=curricula.Sequential(replay_prob=0.95),
        prioritisation=curricula.Rank(temperature=1.0),
    )


def _experiment(curriculum: curricula.AbstractCurriculum) -> Experiment:
    optimiser = agents.Adam(
        learning_rate=1e-3,
        annealing=agents.OverSteps(_NUM_MINIBATCHES * _NUM_UPDATES),
        adam_epsilon=1e-8,
    )
    student = agents.PPO(
        nets.ActorCritic(nets.TreeEncoder(), nets.GRU(1_024), nets.MLPHead(head_size=256)),
        optimiser=optimiser,
        discount=0.99,
        gae_lambda=0.95,
        entropy_coef=0.01,
        num_epochs=1,
        num_minibatches=_NUM_MINIBATCHES,
    )
    return Experiment(
        env=XLand(),
        student=student,
        curriculum=curriculum,
        schedule=runners.Schedule(num_updates=_NUM_UPDATES, evaluate_every=100),
        evaluation=runners.Evaluation(EachGoal()),
    )
