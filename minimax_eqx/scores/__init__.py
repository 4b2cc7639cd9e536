"""How useful levels look for learning, judged by what happened when they were played."""

from ._bidirectional_progress import BidirectionalProgress as BidirectionalProgress
from ._cenie import CENIE as CENIE
from ._counting import AnySuccess as AnySuccess
from ._counting import ByEpisode as ByEpisode
from ._counting import ByPlay as ByPlay
from ._exact_regret import ExactRegret as ExactRegret
from ._kept_learnability import KeptLearnability as KeptLearnability
from ._learnability import Learnability as Learnability
from ._learning_progress import LearningProgress as LearningProgress
from ._learning_slope import LearningSlope as LearningSlope
from ._max_mc import MaxMC as MaxMC
from ._mna import MNA as MNA
from ._pace import PACE as PACE
from ._return_spread import ReturnVariance as ReturnVariance
from ._returns import NegativeReturn as NegativeReturn
from ._returns import PopulationRegret as PopulationRegret
from ._returns import RelativeRegret as RelativeRegret
from ._score import AbstractFormula as AbstractFormula
from ._score import AbstractScore as AbstractScore
from ._traced import TRACED as TRACED
from ._values import PositiveValueLoss as PositiveValueLoss

__all__ = [
    "CENIE",
    "MNA",
    "PACE",
    "TRACED",
    "AbstractFormula",
    "AbstractScore",
    "AnySuccess",
    "BidirectionalProgress",
    "ByEpisode",
    "ByPlay",
    "ExactRegret",
    "KeptLearnability",
    "Learnability",
    "LearningProgress",
    "LearningSlope",
    "MaxMC",
    "NegativeReturn",
    "PopulationRegret",
    "PositiveValueLoss",
    "RelativeRegret",
    "ReturnVariance",
]


def __dir__() -> list[str]:
    return sorted(__all__)
