"""What the recipes of mazes share: an experiment of a curriculum, students and a teacher."""

from typing import Any

from ... import agents, curricula, envs, nets, runners
from ...envs import maze
from ...runners._experiment import Experiment


def on_mazes(
    curriculum: curricula.AbstractCurriculum,
    student: agents.PPO | None = None,
    num_updates: int = 30_000,
) -> Experiment:
    return Experiment(
        env=envs.Maze(),
        student=student or maze_student(),
        curriculum=curriculum,
        schedule=runners.Schedule(num_updates=num_updates, evaluate_every=100),
        evaluation=runners.Evaluation(maze.HeldOutMazes()),
    )


def maze_student(core: nets.AbstractCore | None = None, **values: Any) -> agents.PPO:
    return agents.PPO(
        nets.ActorCritic(encoder=nets.GridEncoder(), core=core or nets.LSTM()), **values
    )


def replaying_student() -> agents.PPO:
    return maze_student(optimiser=agents.Adam(learning_rate=3e-4), discount=0.999, entropy_coef=0.0)


def maze_teacher(
    num_filters: int = 128, core: nets.AbstractCore | None = None, entropy_coef: float = 0.05
) -> curricula.LearnedGenerator:
    network = nets.ActorCritic(
        encoder=nets.DesignEncoder(num_filters=num_filters), core=core or nets.LSTM()
    )
    return curricula.LearnedGenerator(
        maze.MazeDesign(), agents.PPO(network, entropy_coef=entropy_coef)
    )
