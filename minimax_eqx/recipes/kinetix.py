"""Methods on Kinetix, for which you need its extra: `minimax_eqx[kinetix]`.

Sizes and hyperparameters are those of the programs of Matthews et al. 2025 (arXiv 2410.23208):
2,048 scenes side by side and plays of 256 steps, made for an accelerator. Network and length of
training are our own (theirs has a transformer over entities), and level replay has the defaults
that it has everywhere here.
Every function takes other parts and values by the short names that the command line has for them.
"""

from typing import Any

from .. import agents, curricula, nets, runners
from .._composition._draft import with_changes
from ..envs.adapters.kinetix import EditScene, HandMadeScenes, Kinetix, RandomScenes
from ..runners._experiment import Experiment

_NUM_PLAYS, _NUM_STEPS = 2_048, 256
# 5 * 10^9 steps in all.
_NUM_UPDATES = 9_536


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of Kinetix's scenes."""
    curriculum = curricula.DomainRandomisation(RandomScenes(), _NUM_PLAYS)
    return with_changes(_experiment(curriculum), changes)


def robust_plr(**changes: Any) -> Experiment:
    """Kinetix by PLR, with updates on replayed scenes only."""
    curriculum = curricula.LevelReplay(RandomScenes(), num_levels=_NUM_PLAYS)
    return with_changes(_experiment(curriculum), changes)


def accel(**changes: Any) -> Experiment:
    """Kinetix by ACCEL: `robust_plr`, and what it replays is edited as the package does."""
    return with_changes(robust_plr(mutator=EditScene()), changes)


def sfl(**changes: Any) -> Experiment:
    """SFL on Kinetix: trains on scenes that are solved now and then.

    Two plays of 256 steps, each an episode at most, stand for the authors' one of 512 in a search.
    """
    curriculum = curricula.SamplingForLearnability(
        RandomScenes(),
        num_levels=_NUM_PLAYS,
        num_candidates=12_288,
        num_plays=2,
        capacity=1_024,
        num_training_cycles=128,
    )
    return with_changes(_experiment(curriculum), changes)


def _experiment(curriculum: curricula.AbstractCurriculum) -> Experiment:
    student = agents.PPO(
        nets.ActorCritic(
            nets.TreeEncoder(numbers="identity"), head=nets.MLPHead(head_size=128, num_layers=4)
        ),
        optimiser=agents.Adam(learning_rate=5e-5),
        discount=0.995,
        gae_lambda=0.9,
        entropy_coef=0.01,
        num_epochs=8,
        num_minibatches=32,
    )
    return Experiment(
        env=Kinetix(),
        student=student,
        curriculum=curriculum,
        num_steps=_NUM_STEPS,
        schedule=runners.Schedule(
            num_updates=_NUM_UPDATES, checkpoint_every=100, evaluate_every=100
        ),
        evaluation=runners.Evaluation(HandMadeScenes()),
    )
