"""Learners: PPO and what it is made of."""

from ._advantage import generalised_advantages as generalised_advantages
from ._agent import AbstractAgent as AbstractAgent
from ._agent import Estimates as Estimates
from ._agent import Trajectory as Trajectory
from ._optimiser import ppo_optimiser as ppo_optimiser
from ._population import first_student as first_student
from ._population import over_students as over_students
from ._population import population as population
from ._ppo import PPO as PPO
from ._ppo_loss import PPOBatch as PPOBatch
from ._ppo_loss import clipped_policy_loss as clipped_policy_loss
from ._ppo_loss import clipped_value_loss as clipped_value_loss
from ._ppo_loss import normalise as normalise
from ._ppo_loss import ppo_loss as ppo_loss
from ._ppo_loss import ppo_objective as ppo_objective

__all__ = [
    "PPO",
    "AbstractAgent",
    "Estimates",
    "PPOBatch",
    "Trajectory",
    "clipped_policy_loss",
    "clipped_value_loss",
    "first_student",
    "generalised_advantages",
    "normalise",
    "over_students",
    "population",
    "ppo_loss",
    "ppo_objective",
    "ppo_optimiser",
]


def __dir__() -> list[str]:
    return sorted(__all__)
