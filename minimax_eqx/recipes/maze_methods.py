"""Methods on mazes that are newest, as functions like those of `maze`."""

from typing import Any

from .. import curricula, scores
from ..envs.maze import RandomWalls
from ..runners._experiment import Experiment
from . import maze


def remidi(**changes: Any) -> Experiment:
    """ReMiDi (arXiv 2402.12284): robust PLR in four buffers, each for what those before leave open.

    With the hyperparameters of the authors' programs.
    """
    replay = curricula.LevelReplay(
        RandomWalls(num_walls=25),
        score=scores.ExactRegret(),
        capacity=256,
        schedule=curricula.Sequential(replay_prob=0.8),
        prioritisation=curricula.Rank(temperature=1.0),
    )
    student = {"learning_rate": 1e-3, "gae_lambda": 0.95, "entropy_coef": 0.0}
    return maze.dr(**{"curriculum": curricula.ReMiDi(replay), **student, **changes})


def prefilter(**changes: Any) -> Experiment:
    """SFL with a learned pre-filter: a tenth of the candidates is played, the likeliest to be kept.

    All else is that of `sfl`.
    """
    generator = curricula.Prefilter(RandomWalls())
    return maze.sfl(**{"generator": generator, "num_candidates": 2_500, **changes})
