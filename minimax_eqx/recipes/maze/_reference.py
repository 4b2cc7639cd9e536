"""The methods of the reference implementation, with its hyperparameters, and a first run."""

from typing import Any

from ... import agents, curricula, envs, nets, runners, scores
from ..._composition._draft import with_changes
from ...envs import maze
from ...runners._experiment import Experiment
from ._experiment import maze_student, maze_teacher, on_mazes, replaying_student

# Students of a teacher are evaluated on levels that it did not make.
_UNSEEN = maze.RandomWalls(replace=False)


def dr(**changes: Any) -> Experiment:
    """Domain randomisation."""
    return with_changes(on_mazes(curricula.DomainRandomisation(maze.RandomWalls())), changes)


def robust_plr(**changes: Any) -> Experiment:
    """PLR with updates on replayed levels only."""
    return with_changes(
        on_mazes(curricula.LevelReplay(maze.RandomWalls()), replaying_student()), changes
    )


def plr(**changes: Any) -> Experiment:
    """Prioritised level replay, with updates on new levels too."""
    return with_changes(robust_plr(learn_from=curricula.NewAndReplayed()), changes)


def accel(**changes: Any) -> Experiment:
    """ACCEL: robust PLR that edits what it replays, from empty mazes."""
    curriculum = curricula.LevelReplay(
        maze.RandomWalls(num_walls=0),
        schedule=curricula.Sequential(replay_prob=0.8),
        staleness_coef=0.5,
        mutator=maze.MazeEdits(num_edits=20),
    )
    return with_changes(on_mazes(curriculum, replaying_student()), changes)


def parallel_plr(**changes: Any) -> Experiment:
    """PLR with new and replayed levels side by side."""
    experiment = robust_plr(schedule=curricula.SideBySide(), staleness_coef=0.5, gae_lambda=0.95)
    return with_changes(experiment, changes)


def parallel_accel(**changes: Any) -> Experiment:
    """ACCEL with new, replayed and edited levels side by side."""
    experiment = accel(schedule=curricula.SideBySide(), learning_rate=1e-4, entropy_coef=1e-3)
    return with_changes(experiment, changes)


def paired(**changes: Any) -> Experiment:
    """PAIRED: a teacher designs levels, and is paid the regret of two students."""
    experiment = on_mazes(
        curricula.AdversarialDesign(maze_teacher(), objective=scores.RelativeRegret())
    )
    return with_changes(experiment, {"num_students": 2, "unseen": _UNSEEN, **changes})


def paired_cloning(**changes: Any) -> Experiment:
    """PAIRED with high entropy and cloning between students (arXiv 2308.10797).

    With the hyperparameters of the authors' programs for mazes of 25 walls.
    """
    cloning = {"student__peer_loss": agents.BehaviouralCloning(), "student__entropy_coef": 0.005}
    walls = {"design__num_walls": 25, "unseen__num_walls": 25}
    return with_changes(paired(**walls, **cloning), changes)


def population_paired(**changes: Any) -> Experiment:
    """PAIRED with a population of students."""
    return with_changes(paired(objective=scores.PopulationRegret(), num_students=4), changes)


def minimax(**changes: Any) -> Experiment:
    """A teacher that is paid for the student's failure."""
    return with_changes(paired(objective=scores.NegativeReturn(), num_students=1), changes)


def repaired(**changes: Any) -> Experiment:
    """REPAIRED (arXiv 2110.02439): PAIRED's teacher with the level buffer of robust PLR."""
    experiment = on_mazes(curricula.LevelReplay(maze_teacher(), score=scores.RelativeRegret()))
    return with_changes(experiment, {"num_students": 2, "unseen": _UNSEEN, **changes})


def dr_s5(**changes: Any) -> Experiment:
    """`dr` with S5 for memory."""
    return with_changes(dr(core=nets.S5(), learning_rate=3e-5), changes)


def robust_plr_s5(**changes: Any) -> Experiment:
    """`robust_plr` with S5 for memory."""
    student = maze_student(nets.S5(norm="pre"), discount=0.999)
    experiment = robust_plr(student=student, temperature=0.5, staleness_coef=0.5)
    return with_changes(experiment, changes)


def accel_s5(**changes: Any) -> Experiment:
    """`accel` with S5 for memory."""
    experiment = accel(
        student=maze_student(nets.S5()),
        replay_prob=0.5,
        temperature=0.1,
        staleness_coef=0.3,
        num_edits=10,
    )
    return with_changes(experiment, changes)


def parallel_plr_s5(**changes: Any) -> Experiment:
    """`parallel_plr` with S5 for memory."""
    experiment = parallel_plr(student=maze_student(nets.S5(), discount=0.999), temperature=0.5)
    return with_changes(experiment, changes)


def parallel_accel_s5(**changes: Any) -> Experiment:
    """`parallel_accel` with S5 for memory."""
    experiment = parallel_accel(
        core=nets.S5(), learning_rate=3e-5, entropy_coef=0.0, temperature=0.1
    )
    return with_changes(experiment, changes)


def paired_s5(**changes: Any) -> Experiment:
    """`paired` with S5 for memories."""
    teacher = maze_teacher(num_filters=32, core=nets.S5(), entropy_coef=1e-3)
    return with_changes(paired(generator=teacher, student=maze_student(nets.S5())), changes)


def quickstart(**changes: Any) -> Experiment:
    """Learns to solve random mazes in a few minutes on two CPU cores."""
    optimiser = agents.Adam(learning_rate=1e-3)
    student = maze_student(
        nets.LSTM(hidden_size=64), optimiser=optimiser, discount=0.99, entropy_coef=1e-2
    )
    experiment = Experiment(
        env=envs.Maze(),
        student=student,
        curriculum=curricula.DomainRandomisation(maze.RandomWalls(num_walls=25)),
        schedule=runners.Schedule(num_updates=400, log_every=5, checkpoint_every=100),
        evaluation=runners.Evaluation(maze.HeldOutMazes()),
    )
    return with_changes(experiment, changes)
