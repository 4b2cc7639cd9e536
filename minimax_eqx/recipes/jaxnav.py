"""Methods on JaxMARL's JaxNav with one robot, for which you need the extra `minimax_eqx[jaxnav]`.

Hyperparameters are those of Rutherford et al. 2024 (arXiv 2408.15099) and of its authors' programs,
made for an accelerator. Every function takes other parts and values by the short names that the
command line has for them.
"""

from typing import Any

from .. import agents, curricula, nets, runners
from .._composition._draft import with_changes
from ..envs.adapters.jaxnav import HandMadeMaps, JaxNav, MapEdits, RandomMaps
from ..runners._experiment import Experiment

_NUM_LEVELS = 256
_NUM_UPDATES = 2_288  # of 256 plays of 512 steps: 3e8 steps
_NUM_EPOCHS = _NUM_MINIBATCHES = 4
_SIZE = 512


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of JaxNav's maps."""
    curriculum = curricula.DomainRandomisation(RandomMaps(), _NUM_LEVELS, num_spare_levels=0)
    return with_changes(_experiment(curriculum), changes)


def robust_plr(**changes: Any) -> Experiment:
    """JaxNav's maps by PLR, with updates on replayed levels only."""
    curriculum = curricula.LevelReplay(
        RandomMaps(),
        num_levels=_NUM_LEVELS,
        prioritisation=curricula.TopK(k=1),
        min_fill_ratio=1.0,
    )
    return with_changes(_experiment(curriculum), changes)


def accel(**changes: Any) -> Experiment:
    """JaxNav's maps by ACCEL: robust PLR that edits what it replays, from random maps."""
    return with_changes(robust_plr(mutator=MapEdits(num_edits=20)), changes)


def sfl(**changes: Any) -> Experiment:
    """Sampling for learnability: trains on maps that are solved now and then.

    Two plays of 512 steps stand for the authors' one of 1000 in a search.
    """
    curriculum = curricula.SamplingForLearnability(
        RandomMaps(),
        num_levels=_NUM_LEVELS,
        num_candidates=5_000,
        num_plays=2,
        capacity=100,
        num_training_cycles=50,
    )
    return with_changes(_experiment(curriculum), changes)


def _experiment(curriculum: curricula.AbstractCurriculum) -> Experiment:
    """The authors' network, but for tanh between the layers of its heads."""
    network = nets.ActorCritic(
        encoder=nets.TreeEncoder(output_size=_SIZE, numbers="identity"),
        core=nets.GRU(hidden_size=_SIZE),
        head=nets.MLPHead(head_size=_SIZE),
        box=nets.ClippedNormal(initial_std=2.0),
    )
    student = agents.PPO(
        network,
        optimiser=agents.Adam(
            learning_rate=2.5e-4,
            annealing=agents.OverSteps(_NUM_EPOCHS * _NUM_MINIBATCHES * _NUM_UPDATES),
        ),
        discount=0.99,
        gae_lambda=0.95,
        clip_range=0.04,
        entropy_coef=0.0,
        num_epochs=_NUM_EPOCHS,
        num_minibatches=_NUM_MINIBATCHES,
    )
    return Experiment(
        env=JaxNav(),
        student=student,
        curriculum=curriculum,
        num_steps=512,
        schedule=runners.Schedule(
            num_updates=_NUM_UPDATES, checkpoint_every=100, evaluate_every=100
        ),
        evaluation=runners.Evaluation(HandMadeMaps()),
    )
