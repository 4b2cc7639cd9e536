"""Methods on Craftax and Craftax-Classic, for which you need its extra: `minimax_eqx[craftax]`.

Hyperparameters are JaxUED's for Craftax (Coward et al. 2024, arXiv 2403.13091), with the network of
the game's own recurrent baseline (Matthews et al. 2024, arXiv 2402.16801): 1,024 worlds side by
side, plays of 64 rollouts of 64 steps, 10^9 steps in all. They are made for an accelerator. An
episode ends after 4,096 steps here, so that each play finishes one.
Every function takes other parts and values by the short names that the command line has for them.
"""

from typing import Any

from .. import agents, curricula, envs, nets, runners
from .._composition._draft import with_changes
from ..envs.adapters.craftax import Craftax, SwapBlocks, Worlds
from ..runners._experiment import Experiment

_NUM_PLAYS, _NUM_STEPS, _NUM_ROLLOUTS = 1_024, 64, 64
_NUM_CYCLES = 256
_LIMIT = _NUM_STEPS * _NUM_ROLLOUTS


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of Craftax's worlds."""
    return with_changes(_of_seeds(_fresh(envs.Seeds())), changes)


def robust_plr(**changes: Any) -> Experiment:
    """Craftax by PLR, with updates on replayed worlds only; a level is a world's seed."""
    return with_changes(_of_seeds(_replay(envs.Seeds())), changes)


def plr(**changes: Any) -> Experiment:
    """Craftax by prioritised level replay, with updates on new worlds too."""
    return with_changes(robust_plr(learn_from=curricula.NewAndReplayed()), changes)


def accel(**changes: Any) -> Experiment:
    """Craftax by ACCEL: worlds that are replayed are edited by swaps of blocks."""
    return with_changes(
        _edited(_experiment(Craftax(game="full", max_episode_steps=_LIMIT), _replay(Worlds()))),
        changes,
    )


def classic_dr(**changes: Any) -> Experiment:
    """Domain randomisation of Craftax-Classic's worlds."""
    return with_changes(_classic(_fresh(Worlds())), changes)


def classic_robust_plr(**changes: Any) -> Experiment:
    """Craftax-Classic by PLR, with updates on replayed worlds only."""
    return with_changes(_classic(_replay(Worlds())), changes)


def classic_plr(**changes: Any) -> Experiment:
    """Craftax-Classic by prioritised level replay, with updates on new worlds too."""
    return with_changes(classic_robust_plr(learn_from=curricula.NewAndReplayed()), changes)


def classic_accel(**changes: Any) -> Experiment:
    """Craftax-Classic by ACCEL: worlds that are replayed are edited by swaps of blocks."""
    return with_changes(_edited(classic_robust_plr()), changes)


def _fresh(generator: envs.AbstractLevelGenerator) -> curricula.AbstractCurriculum:
    return curricula.DomainRandomisation(generator, _NUM_PLAYS)


def _replay(generator: envs.AbstractLevelGenerator) -> curricula.AbstractCurriculum:
    return curricula.LevelReplay(
        generator, num_levels=_NUM_PLAYS, prioritisation=curricula.Rank(temperature=1.0)
    )


def _edited(experiment: Experiment) -> Experiment:
    """Theirs learn from new and edited levels too."""
    lessons = curricula.NewAndReplayed()
    return with_changes(experiment, {"mutator": SwapBlocks(), "learn_from": lessons})


def _classic(curriculum: curricula.AbstractCurriculum) -> Experiment:
    return _experiment(Craftax(game="classic", max_episode_steps=_LIMIT), curriculum)


def _of_seeds(curriculum: curricula.AbstractCurriculum) -> Experiment:
    """A level buffer of whole worlds would take 1.1 GB."""
    return _experiment(
        envs.Seeded(Craftax(game="full", max_episode_steps=_LIMIT), Worlds()), curriculum
    )


def _experiment(env: envs.AbstractEnv, curriculum: curricula.AbstractCurriculum) -> Experiment:
    student = agents.PPO(
        nets.ActorCritic(nets.FlatEncoder(512), nets.GRU(512), nets.MLPHead(head_size=512)),
        optimiser=agents.Adam(learning_rate=1e-4, max_grad_norm=1.0),
        discount=0.995,
        gae_lambda=0.9,
        entropy_coef=0.01,
        num_epochs=5,
        num_minibatches=2,
    )
    return Experiment(
        env=env,
        student=student,
        curriculum=curriculum,
        num_steps=_NUM_STEPS,
        rollouts_per_play=_NUM_ROLLOUTS,
        schedule=runners.Schedule(
            num_updates=_NUM_CYCLES * _NUM_ROLLOUTS,
            log_every=1,
            checkpoint_every=10,
            evaluate_every=20,
        ),
        evaluation=runners.Evaluation(num_unseen_levels=64),
    )
