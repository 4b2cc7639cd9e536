"""Methods that are newer than the reference implementation, and some for fixed tasks."""

from typing import Any

from ... import agents, curricula, envs, nets, scores
from ..._composition._draft import with_changes
from ...envs import maze
from ...runners._experiment import Experiment
from ...scores._counting import AnySuccess
from ._experiment import maze_student, on_mazes, replaying_student
from ._reference import accel, robust_plr


def sfl(**changes: Any) -> Experiment:
    """Sampling for learnability: trains on levels that are solved now and then.

    With the hyperparameters of the paper (arXiv 2408.15099) and its authors' programs, as far as
    they fit: made for an accelerator. 8 plays of 256 steps stand for their one of 2000.
    """
    num_updates = 4_577
    curriculum = curricula.SamplingForLearnability(
        maze.RandomWalls(),
        num_levels=256,
        num_candidates=25_000,
        num_plays=8,
        num_training_cycles=100,
    )
    student = maze_student(
        nets.LSTM(hidden_size=512),
        optimiser=agents.Adam(learning_rate=2.5e-4, annealing=agents.OverSteps(16 * num_updates)),
        discount=0.99,
        gae_lambda=0.95,
        clip_range=0.04,
        entropy_coef=0.0,
        num_epochs=4,
        num_minibatches=4,
    )
    return with_changes(on_mazes(curriculum, student, num_updates), changes)


def sfl_mutants(**changes: Any) -> Experiment:
    """SFL whose candidates are half edits of the levels kept last time, and those levels again.

    As `sfl`, with what followers of it do; kept levels are drawn in proportion to their scores.
    """
    experiment = sfl(
        candidates=curricula.FromLastSearch(maze.MazeEdits(num_edits=20)),
        prioritisation=curricula.Proportional(),
    )
    return with_changes(experiment, changes)


def prefilter(**changes: Any) -> Experiment:
    """SFL with a learned pre-filter: a tenth of the candidates is played, the likeliest to be kept.

    All else is that of `sfl`.
    """
    generator = curricula.Prefilter(maze.RandomWalls())
    return with_changes(sfl(generator=generator, num_candidates=2_500), changes)


def ncc(**changes: Any) -> Experiment:
    """NCC-Learn (arXiv 2505.20659): draws levels from a distribution that is learned by ascent.

    With the authors' hyperparameters, as far as they fit: made for an accelerator, since all stored
    levels are played before every update. 4 plays stand for their 5, so that they divide 256.
    """
    num_updates = 4_577
    optimiser = agents.Adam(
        learning_rate=1.466e-3, annealing=agents.OverSteps(num_updates), max_grad_norm=0.25
    )
    student = maze_student(optimiser=optimiser, num_epochs=1)
    curriculum = curricula.NCC(
        maze.RandomWalls(), score=scores.Learnability(counting=AnySuccess()), num_levels=256
    )
    experiment = on_mazes(curriculum, student, num_updates)
    # An update takes 68 cycles.
    return with_changes(experiment, {"evaluate_every": 6_800, "checkpoint_every": 6_800, **changes})


def ncc_regret(**changes: Any) -> Experiment:
    """NCC-Reg (arXiv 2505.20659): NCC whose distribution climbs the exact regret."""
    return with_changes(
        ncc(score=scores.ExactRegret(), step_size=0.005, evenness_coef=0.032), changes
    )


def ncc_returns(**changes: Any) -> Experiment:
    """NCC for returns of any size (arXiv 2505.20659): it climbs generalised learnability.

    With the step size and the entropy coefficient that its authors have for Craftax.
    """
    evenness = {"evenness_coef": 0.005, "evenness_decay": 1 / 3}
    experiment = ncc(score=scores.GeneralisedLearnability(), step_size=0.01, **evenness)
    return with_changes(experiment, changes)


def mna(**changes: Any) -> Experiment:
    """MNA (arXiv 2601.14957): robust PLR that replays where a student did worse than it promised.

    With the hyperparameters of the authors' programs, made for an accelerator. Give
    `mutator=MazeEdits(20)` for their ACCEL.
    """
    num_updates, discount, gae_lambda = 30_000, 0.995, 0.95
    curriculum = curricula.LevelReplay(
        maze.RandomWalls(),
        score=scores.MNA(discount, gae_lambda),
        num_levels=256,
        capacity=8_000,
        prioritisation=curricula.Rank(temperature=1.0),
    )
    network = nets.ActorCritic(
        nets.GridEncoder(num_filters=32), nets.LSTM(), nets.MLPHead(head_size=256)
    )
    student = agents.PPO(
        network,
        optimiser=agents.Adam(learning_rate=5e-4, annealing=agents.OverSteps(16 * num_updates)),
        discount=discount,
        gae_lambda=gae_lambda,
        clip_range=0.04,
        num_epochs=4,
        num_minibatches=4,
    )
    experiment = on_mazes(curriculum, student, num_updates)
    return with_changes(experiment, {"num_steps": 512, **changes})


def exact_regret(**changes: Any) -> Experiment:
    """Robust PLR that replays by the regret itself, which mazes know ("perfect regret")."""
    return with_changes(robust_plr(score=scores.ExactRegret()), changes)


def traced(**changes: Any) -> Experiment:
    """TRACED (arXiv 2506.19997): ACCEL that also replays what a model of the world did not foresee.

    With the hyperparameters of the authors' programs for mazes.
    """
    experiment = accel(
        score=scores.TRACED(),
        prioritisation=curricula.CoLearnability(),
        staleness_coef=0.3,
        num_edits=5,
        parents=curricula.Easiest(),
        learning_rate=1e-4,
        discount=0.995,
        gae_lambda=0.95,
    )
    return with_changes(experiment, changes)


def cenie(**changes: Any) -> Experiment:
    """CENIE (arXiv 2502.05726): robust PLR that replays by regret and by novelty.

    All but the score and the prioritisation is that of `robust_plr`: the paper's values of its
    window and its temperatures are not public.
    """
    return with_changes(
        robust_plr(score=scores.CENIE(), prioritisation=curricula.BothScores()), changes
    )


def pace(**changes: Any) -> Experiment:
    """PACE, as far as it is known (arXiv 2605.01358): replays where learning changes the policy.

    All but the score and the staleness is that of `robust_plr`: the paper's values are not public.
    """
    return with_changes(robust_plr(score=scores.PACE(), staleness_coef=0.0), changes)


def remidi(**changes: Any) -> Experiment:
    """ReMiDi (arXiv 2402.12284): robust PLR in four buffers, each for what those before leave open.

    With the hyperparameters of the authors' programs.
    """
    replay = curricula.LevelReplay(
        maze.RandomWalls(num_walls=25),
        score=scores.ExactRegret(),
        capacity=256,
        schedule=curricula.Sequential(replay_prob=0.8),
        prioritisation=curricula.Rank(temperature=1.0),
    )
    student = maze_student(
        optimiser=agents.Adam(learning_rate=1e-3), gae_lambda=0.95, entropy_coef=0.0
    )
    return with_changes(on_mazes(curricula.ReMiDi(replay), student), changes)


def return_variance(**changes: Any) -> Experiment:
    """Return variance (arXiv 2508.06336): robust PLR that replays levels of uncertain outcome.

    With ten trials of each level, as the authors have; for `--score return-spread` too.
    """
    experiment = robust_plr(score=scores.ReturnVariance())
    return with_changes(experiment, {"num_trials": 10, **changes})


def boltzmann(**changes: Any) -> Experiment:
    """Robust PLR that replays by a softmax of learnability: NCC without its slow distribution.

    The temperature is the entropy coefficient of NCC-Learn (arXiv 2505.20659).
    """
    experiment = robust_plr(
        score=scores.Learnability(),
        prioritisation=curricula.Boltzmann(0.05),
        staleness_coef=0.0,
        num_trials=4,
    )
    return with_changes(experiment, changes)


def kept_learnability(**changes: Any) -> Experiment:
    """Learnability from counts that are kept: robust PLR that needs one trial of a level."""
    return with_changes(robust_plr(score=scores.KeptLearnability()), changes)


def learning_progress(**changes: Any) -> Experiment:
    """Learning progress (ALP, arXiv 1910.07224): replays levels whose return has changed most."""
    experiment = robust_plr(
        score=scores.LearningProgress(), prioritisation=curricula.Proportional()
    )
    return with_changes(experiment, changes)


def learning_slope(**changes: Any) -> Experiment:
    """Learning slope (TSCL, arXiv 1707.00183): replays levels whose last returns rise or fall."""
    return with_changes(robust_plr(score=scores.LearningSlope()), changes)


def bidirectional_progress(**changes: Any) -> Experiment:
    """Bidirectional progress (arXiv 2106.14876): replays by two averages of the success rate."""
    experiment = robust_plr(
        score=scores.BidirectionalProgress(), prioritisation=curricula.SigmoidOfZScore()
    )
    return with_changes(experiment, changes)


def fixed_tasks(**changes: Any) -> Experiment:
    """Fixed tasks: 200 mazes, played more where the return changes; tested on others.

    For a list of your own: `--generator level-file --generator.path mine.txt`.
    """
    experiment = on_mazes(
        curricula.FixedTasks(envs.FewLevels(maze.RandomWalls())), replaying_student()
    )
    return with_changes(experiment, {"unseen": maze.RandomWalls(), **changes})


def mixture(**changes: Any) -> Experiment:
    """Mixture: random walls and perfect mazes side by side, with metrics of each."""
    kinds = curricula.GeneratorMixture(
        (maze.RandomWalls(), maze.PerfectMaze()), (0.5, 0.5), ("random", "perfect")
    )
    return with_changes(on_mazes(kinds), {"unseen": maze.RandomWalls(), **changes})
