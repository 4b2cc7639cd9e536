"""Learners: PPO and what it is made of."""

from ._agent import AbstractLearner as AbstractLearner
from ._agent import Agent as Agent
from ._agent import Estimates as Estimates
from ._behavioural_cloning import BehaviouralCloning as BehaviouralCloning
from ._losses import ClippedValueLoss as ClippedValueLoss
from ._losses import HuberValueLoss as HuberValueLoss
from ._optimiser import Adam as Adam
from ._optimiser import Optax as Optax
from ._population import first_student as first_student
from ._ppo import PPO as PPO

__all__ = [
    "PPO",
    "AbstractLearner",
    "Adam",
    "Agent",
    "BehaviouralCloning",
    "ClippedValueLoss",
    "Estimates",
    "HuberValueLoss",
    "Optax",
    "first_student",
]


def __dir__() -> list[str]:
    return sorted(__all__)
