"""Methods on mazes, each as a function that returns an `Experiment`.

Unless a function says otherwise, its hyperparameters are those of the reference implementation
(facebookresearch/minimax). Every function takes other parts and values by the short names that the
command line has for them: `accel(score=PositiveValueLoss(), num_edits=5)`. Two underscores stand
for a dot, as in `paired(student__learning_rate=3e-4)`, and a part may be given by its name there:
`accel(parents="easiest", num_parents=2)`.
"""

from typing import Any

from .._composition._draft import with_changes
from ..agents import PPO, Adam, BehaviouralCloning
from ..curricula import (
    NCC,
    AbstractCurriculum,
    AdversarialDesign,
    Boltzmann,
    BothScores,
    CoLearnability,
    DomainRandomisation,
    Easiest,
    FixedTasks,
    GeneratorMixture,
    LearnedGenerator,
    LevelReplay,
    NewAndReplayed,
    Proportional,
    Rank,
    SamplingForLearnability,
    Sequential,
    SideBySide,
    SigmoidOfZScore,
)
from ..envs import FewLevels, Maze
from ..envs.maze import HeldOutMazes, MazeDesign, MazeEdits, PerfectMaze, RandomWalls
from ..nets import LSTM, S5, AbstractCore, ActorCritic, DesignEncoder, GridEncoder, MLPHead
from ..runners import Evaluation, Schedule
from ..runners._experiment import Experiment
from ..scores import (
    CENIE,
    MNA,
    PACE,
    TRACED,
    BidirectionalProgress,
    ExactRegret,
    GeneralisedLearnability,
    KeptLearnability,
    Learnability,
    LearningProgress,
    LearningSlope,
    NegativeReturn,
    PopulationRegret,
    RelativeRegret,
    ReturnVariance,
)
from ..scores._counting import AnySuccess

# Students of a teacher are evaluated on levels that it did not make.
_UNSEEN = RandomWalls(replace=False)


def dr(**changes: Any) -> Experiment:
    """Domain randomisation."""
    return with_changes(_experiment(DomainRandomisation(RandomWalls())), changes)


def robust_plr(**changes: Any) -> Experiment:
    """PLR with updates on replayed levels only."""
    return with_changes(_experiment(LevelReplay(RandomWalls()), _replaying_student()), changes)


def plr(**changes: Any) -> Experiment:
    """Prioritised level replay, with updates on new levels too."""
    return with_changes(robust_plr(learn_from=NewAndReplayed()), changes)


def accel(**changes: Any) -> Experiment:
    """ACCEL: robust PLR that edits what it replays, from empty mazes."""
    curriculum = LevelReplay(
        RandomWalls(num_walls=0),
        schedule=Sequential(replay_prob=0.8),
        staleness_coef=0.5,
        mutator=MazeEdits(num_edits=20),
    )
    return with_changes(_experiment(curriculum, _replaying_student()), changes)


def parallel_plr(**changes: Any) -> Experiment:
    """PLR with new and replayed levels side by side."""
    experiment = robust_plr(schedule=SideBySide(), staleness_coef=0.5, gae_lambda=0.95)
    return with_changes(experiment, changes)


def parallel_accel(**changes: Any) -> Experiment:
    """ACCEL with new, replayed and edited levels side by side."""
    experiment = accel(schedule=SideBySide(), learning_rate=1e-4, entropy_coef=1e-3)
    return with_changes(experiment, changes)


def paired(**changes: Any) -> Experiment:
    """PAIRED: a teacher designs levels, and is paid the regret of two students."""
    experiment = _experiment(AdversarialDesign(_teacher(), objective=RelativeRegret()))
    return with_changes(experiment, {"num_students": 2, "unseen": _UNSEEN, **changes})


def paired_cloning(**changes: Any) -> Experiment:
    """PAIRED with high entropy and cloning between students (arXiv 2308.10797).

    With the hyperparameters of the authors' programs for mazes of 25 walls.
    """
    cloning = {"student__peer_loss": BehaviouralCloning(), "student__entropy_coef": 0.005}
    walls = {"design__num_walls": 25, "unseen__num_walls": 25}
    return with_changes(paired(**walls, **cloning), changes)


def population_paired(**changes: Any) -> Experiment:
    """PAIRED with a population of students."""
    return with_changes(paired(objective=PopulationRegret(), num_students=4), changes)


def minimax(**changes: Any) -> Experiment:
    """A teacher that is paid for the student's failure."""
    return with_changes(paired(objective=NegativeReturn(), num_students=1), changes)


def repaired(**changes: Any) -> Experiment:
    """REPAIRED (arXiv 2110.02439): PAIRED's teacher with the level buffer of robust PLR."""
    experiment = _experiment(LevelReplay(_teacher(), score=RelativeRegret()))
    return with_changes(experiment, {"num_students": 2, "unseen": _UNSEEN, **changes})


def dr_s5(**changes: Any) -> Experiment:
    """`dr` with S5 for memory."""
    return with_changes(dr(core=S5(), learning_rate=3e-5), changes)


def robust_plr_s5(**changes: Any) -> Experiment:
    """`robust_plr` with S5 for memory."""
    student = _student(S5(norm="pre"), discount=0.999)
    experiment = robust_plr(student=student, temperature=0.5, staleness_coef=0.5)
    return with_changes(experiment, changes)


def accel_s5(**changes: Any) -> Experiment:
    """`accel` with S5 for memory."""
    experiment = accel(
        student=_student(S5()), replay_prob=0.5, temperature=0.1, staleness_coef=0.3, num_edits=10
    )
    return with_changes(experiment, changes)


def parallel_plr_s5(**changes: Any) -> Experiment:
    """`parallel_plr` with S5 for memory."""
    experiment = parallel_plr(student=_student(S5(), discount=0.999), temperature=0.5)
    return with_changes(experiment, changes)


def parallel_accel_s5(**changes: Any) -> Experiment:
    """`parallel_accel` with S5 for memory."""
    experiment = parallel_accel(core=S5(), learning_rate=3e-5, entropy_coef=0.0, temperature=0.1)
    return with_changes(experiment, changes)


def paired_s5(**changes: Any) -> Experiment:
    """`paired` with S5 for memories."""
    teacher = _teacher(num_filters=32, core=S5(), entropy_coef=1e-3)
    return with_changes(paired(generator=teacher, student=_student(S5())), changes)


def sfl(**changes: Any) -> Experiment:
    """Sampling for learnability: trains on levels that are solved now and then.

    With the hyperparameters of the paper (arXiv 2408.15099) and its authors' programs, as far as
    they fit: made for an accelerator. 8 plays of 256 steps stand for their one of 2000.
    """
    num_updates = 4_577
    curriculum = SamplingForLearnability(
        RandomWalls(), num_levels=256, num_candidates=25_000, num_plays=8, num_training_cycles=100
    )
    student = _student(
        LSTM(hidden_size=512),
        optimiser=Adam(learning_rate=2.5e-4, anneal_steps=16 * num_updates),
        discount=0.99,
        gae_lambda=0.95,
        clip_range=0.04,
        entropy_coef=0.0,
        num_epochs=4,
        num_minibatches=4,
    )
    return with_changes(_experiment(curriculum, student, num_updates), changes)


def sfl_mutants(**changes: Any) -> Experiment:
    """SFL whose candidates are half edits of the levels kept last time, and those levels again.

    As `sfl`, with what followers of it do; kept levels are drawn in proportion to their scores.
    """
    experiment = sfl(
        mutator=MazeEdits(num_edits=20), carry_over=True, prioritisation=Proportional()
    )
    return with_changes(experiment, changes)


def ncc(**changes: Any) -> Experiment:
    """NCC-Learn (arXiv 2505.20659): draws levels from a distribution that is learned by ascent.

    With the authors' hyperparameters, as far as they fit: made for an accelerator, since all stored
    levels are played before every update. 4 plays stand for their 5, so that they divide 256.
    """
    num_updates = 4_577
    optimiser = Adam(learning_rate=1.466e-3, anneal_steps=num_updates, max_grad_norm=0.25)
    student = _student(optimiser=optimiser, num_epochs=1)
    curriculum = NCC(RandomWalls(), score=Learnability(counting=AnySuccess()), num_levels=256)
    experiment = _experiment(curriculum, student, num_updates)
    # An update takes 68 cycles.
    return with_changes(experiment, {"evaluate_every": 6_800, "checkpoint_every": 6_800, **changes})


def ncc_regret(**changes: Any) -> Experiment:
    """NCC-Reg (the same): NCC whose distribution climbs the exact regret."""
    return with_changes(ncc(score=ExactRegret(), step_size=0.005, evenness_coef=0.032), changes)


def ncc_returns(**changes: Any) -> Experiment:
    """NCC for returns of any size (the same): NCC that climbs generalised learnability.

    With the step size and the entropy coefficient that its authors have for Craftax.
    """
    experiment = ncc(score=GeneralisedLearnability(), step_size=0.01, evenness_coef=0.005)
    return with_changes(experiment, changes)


def mna(**changes: Any) -> Experiment:
    """MNA (arXiv 2601.14957): robust PLR that replays where a student did worse than it promised.

    With the hyperparameters of the authors' programs, made for an accelerator. Give
    `mutator=MazeEdits(20)` for their ACCEL.
    """
    num_updates, discount, gae_lambda = 30_000, 0.995, 0.95
    curriculum = LevelReplay(
        RandomWalls(),
        score=MNA(discount, gae_lambda),
        num_levels=256,
        capacity=8_000,
        prioritisation=Rank(temperature=1.0),
    )
    network = ActorCritic(GridEncoder(num_filters=32), LSTM(), MLPHead(head_size=256))
    student = PPO(
        network,
        optimiser=Adam(learning_rate=5e-4, anneal_steps=16 * num_updates),
        discount=discount,
        gae_lambda=gae_lambda,
        clip_range=0.04,
        num_epochs=4,
        num_minibatches=4,
    )
    experiment = _experiment(curriculum, student, num_updates)
    return with_changes(experiment, {"num_steps": 512, **changes})


def exact_regret(**changes: Any) -> Experiment:
    """Robust PLR that replays by the regret itself, which mazes know ("perfect regret")."""
    return with_changes(robust_plr(score=ExactRegret()), changes)


def traced(**changes: Any) -> Experiment:
    """TRACED (arXiv 2506.19997): ACCEL that also replays what a model of the world did not foresee.

    With the hyperparameters of the authors' programs for mazes.
    """
    experiment = accel(
        score=TRACED(),
        prioritisation=CoLearnability(),
        staleness_coef=0.3,
        num_edits=5,
        parents=Easiest(),
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
    return with_changes(robust_plr(score=CENIE(), prioritisation=BothScores()), changes)


def pace(**changes: Any) -> Experiment:
    """PACE, as far as it is known (arXiv 2605.01358): replays where learning changes the policy.

    All but the score and the staleness is that of `robust_plr`: the paper's values are not public.
    """
    return with_changes(robust_plr(score=PACE(), staleness_coef=0.0), changes)


def return_variance(**changes: Any) -> Experiment:
    """Return variance (arXiv 2508.06336): robust PLR that replays levels of uncertain outcome.

    With ten trials of each level, as the authors have; for `--score return-spread` too.
    """
    experiment = robust_plr(score=ReturnVariance())
    return with_changes(experiment, {"num_trials": 10, **changes})


def boltzmann(**changes: Any) -> Experiment:
    """Robust PLR that replays by a softmax of learnability: NCC without its slow distribution.

    The temperature is the entropy coefficient of NCC-Learn (arXiv 2505.20659).
    """
    experiment = robust_plr(
        score=Learnability(), prioritisation=Boltzmann(0.05), staleness_coef=0.0, num_trials=4
    )
    return with_changes(experiment, changes)


def kept_learnability(**changes: Any) -> Experiment:
    """Learnability from counts that are kept: robust PLR that needs one trial of a level."""
    return with_changes(robust_plr(score=KeptLearnability()), changes)


def learning_progress(**changes: Any) -> Experiment:
    """Learning progress (ALP, arXiv 1910.07224): replays levels whose return has changed most."""
    experiment = robust_plr(score=LearningProgress(), prioritisation=Proportional())
    return with_changes(experiment, changes)


def learning_slope(**changes: Any) -> Experiment:
    """Learning slope (TSCL, arXiv 1707.00183): replays levels whose last returns rise or fall."""
    return with_changes(robust_plr(score=LearningSlope()), changes)


def bidirectional_progress(**changes: Any) -> Experiment:
    """Bidirectional progress (arXiv 2106.14876): replays by two averages of the success rate."""
    experiment = robust_plr(score=BidirectionalProgress(), prioritisation=SigmoidOfZScore())
    return with_changes(experiment, changes)


def fixed_tasks(**changes: Any) -> Experiment:
    """Fixed tasks: 200 mazes, played more where the return changes; tested on others.

    For a list of your own: `--generator level-file --generator.path mine.txt`.
    """
    experiment = _experiment(FixedTasks(FewLevels(RandomWalls())), _replaying_student())
    return with_changes(experiment, {"unseen": RandomWalls(), **changes})


def mixture(**changes: Any) -> Experiment:
    """Mixture: random walls and perfect mazes side by side, with metrics of each."""
    kinds = GeneratorMixture((RandomWalls(), PerfectMaze()), (0.5, 0.5), ("random", "perfect"))
    return with_changes(_experiment(kinds), {"unseen": RandomWalls(), **changes})


def quickstart(**changes: Any) -> Experiment:
    """Learns to solve random mazes in a few minutes on two CPU cores."""
    optimiser = Adam(learning_rate=1e-3)
    student = _student(LSTM(hidden_size=64), optimiser=optimiser, discount=0.99, entropy_coef=1e-2)
    experiment = Experiment(
        env=Maze(),
        student=student,
        curriculum=DomainRandomisation(RandomWalls(num_walls=25)),
        schedule=Schedule(num_updates=400, log_every=5, checkpoint_every=100),
        evaluation=Evaluation(HeldOutMazes()),
    )
    return with_changes(experiment, changes)


def _experiment(
    curriculum: AbstractCurriculum, student: PPO | None = None, num_updates: int = 30_000
) -> Experiment:
    return Experiment(
        env=Maze(),
        student=student or _student(),
        curriculum=curriculum,
        schedule=Schedule(num_updates=num_updates, evaluate_every=100),
        evaluation=Evaluation(HeldOutMazes()),
    )


def _student(core: AbstractCore | None = None, **values: Any) -> PPO:
    return PPO(ActorCritic(encoder=GridEncoder(), core=core or LSTM()), **values)


def _replaying_student() -> PPO:
    return _student(optimiser=Adam(learning_rate=3e-4), discount=0.999, entropy_coef=0.0)


def _teacher(
    num_filters: int = 128, core: AbstractCore | None = None, entropy_coef: float = 0.05
) -> LearnedGenerator:
    network = ActorCritic(encoder=DesignEncoder(num_filters=num_filters), core=core or LSTM())
    return LearnedGenerator(MazeDesign(), PPO(network, entropy_coef=entropy_coef))
