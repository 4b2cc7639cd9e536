"""How useful levels look for learning, judged by what happened when they were played."""

from ._bidirectional_progress import BidirectionalProgress as BidirectionalProgress
from ._cenie import CENIE as CENIE
from ._exact_regret import ExactRegret as ExactRegret
from ._generalised_learnability import GeneralisedLearnability as GeneralisedLearnability
from ._kept_learnability import KeptLearnability as KeptLearnability
from ._learnability import Learnability as Learnability
from ._learning_progress import LearningProgress as LearningProgress
from ._learning_slope import LearningSlope as LearningSlope
from ._max_mc import MaxMC as MaxMC
from ._mna import MNA as MNA
from ._pace import PACE as PACE
from ._return_spread import ReturnSpread as ReturnSpread
from ._return_spread import ReturnVariance as ReturnVariance
from ._returns import MeanReturn as MeanReturn
from ._returns import NegativeReturn as NegativeReturn
from ._returns import PopulationRegret as PopulationRegret
from ._returns import RelativeRegret as RelativeRegret
from ._score import AbstractFormula as AbstractFormula
from ._score import AbstractScore as AbstractScore
from ._traced import TRACED as TRACED
from ._values import L1ValueLoss as L1ValueLoss
from ._values import PositiveValueLoss as PositiveValueLoss
from ._values import ValueDisagreement as ValueDisagreement

__all__ = [
    "CENIE",
    "MNA",
    "PACE",
    "TRACED",
    "AbstractFormula",
    "AbstractScore",
    "BidirectionalProgress",
    "ExactRegret",
    "GeneralisedLearnability",
    "KeptLearnability",
    "L1ValueLoss",
    "Learnability",
    "LearningProgress",
    "LearningSlope",
    "MaxMC",
    "MeanReturn",
    "NegativeReturn",
    "PopulationRegret",
    "PositiveValueLoss",
    "RelativeRegret",
    "ReturnSpread",
    "ReturnVariance",
    "ValueDisagreement",
]


def __dir__() -> list[str]:
    return sorted(__all__)
