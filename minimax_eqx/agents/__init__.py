"""Learners: PPO and what it is made of."""

from ._advantage import generalised_advantages as generalised_advantages
from ._agent import AbstractLearner as AbstractLearner
from ._agent import Agent as Agent
from ._agent import Estimates as Estimates
from ._agent import Trajectory as Trajectory
from ._losses import AbstractValueLoss as AbstractValueLoss
from ._losses import ClippedValueLoss as ClippedValueLoss
from ._losses import HuberValueLoss as HuberValueLoss
from ._optimiser import AbstractOptimiser as AbstractOptimiser
from ._optimiser import Adam as Adam
from ._optimiser import Optax as Optax
from ._population import first_student as first_student
from ._population import population as population
from ._ppo import PPO as PPO

__all__ = [
    "PPO",
    "AbstractLearner",
    "AbstractOptimiser",
    "AbstractValueLoss",
    "Adam",
    "Agent",
    "ClippedValueLoss",
    "Estimates",
    "HuberValueLoss",
    "Optax",
    "Trajectory",
    "first_student",
    "generalised_advantages",
    "population",
]


def __dir__() -> list[str]:
    return sorted(__all__)
