"""How useful levels look for learning, judged by what happened when they were played."""

from ._exact_regret import ExactRegret as ExactRegret
from ._learnability import Learnability as Learnability
from ._max_mc import MaxMC as MaxMC
from ._mna import MNA as MNA
from ._pace import PACE as PACE
from ._returns import NegativeReturn as NegativeReturn
from ._returns import PopulationRegret as PopulationRegret
from ._returns import RelativeRegret as RelativeRegret
from ._score import AbstractFormula as AbstractFormula
from ._score import AbstractScore as AbstractScore
from ._traced import TRACED as TRACED
from ._values import PositiveValueLoss as PositiveValueLoss

__all__ = [
    "MNA",
    "PACE",
    "TRACED",
    "AbstractFormula",
    "AbstractScore",
    "ExactRegret",
    "Learnability",
    "MaxMC",
    "NegativeReturn",
    "PopulationRegret",
    "PositiveValueLoss",
    "RelativeRegret",
]


def __dir__() -> list[str]:
    return sorted(__all__)
