"""Who picks the levels."""

from ._admission import BeatTheLowestScore as BeatTheLowestScore
from ._adr import ADR as ADR
from ._adversarial_design import AdversarialDesign as AdversarialDesign
from ._alp_gmm import AlpGmm as AlpGmm
from ._boltzmann import Boltzmann as Boltzmann
from ._both_scores import BothScores as BothScores
from ._co_learnability import CoLearnability as CoLearnability
from ._curriculum import AbstractCurriculum as AbstractCurriculum
from ._curriculum import Proposal as Proposal
from ._domain_randomisation import DomainRandomisation as DomainRandomisation
from ._doraemon import Doraemon as Doraemon
from ._fixed_tasks import FixedTasks as FixedTasks
from ._generator_mixture import GeneratorMixture as GeneratorMixture
from ._learnability_search import SamplingForLearnability as SamplingForLearnability
from ._learned_generator import LearnedGenerator as LearnedGenerator
from ._lessons import NewAndReplayed as NewAndReplayed
from ._level_replay import LevelReplay as LevelReplay
from ._level_source import AbstractLevelSource as AbstractLevelSource
from ._level_spec import LevelSpec as LevelSpec
from ._ncc import NCC as NCC
from ._parents import Easiest as Easiest
from ._parents import Hardest as Hardest
from ._prioritisation import AbstractPrioritisation as AbstractPrioritisation
from ._prioritisation import AbstractWeights as AbstractWeights
from ._prioritisation import Proportional as Proportional
from ._prioritisation import Rank as Rank
from ._prioritisation import TopK as TopK
from ._schedules import Sequential as Sequential
from ._schedules import SideBySide as SideBySide
from ._self_paced import SelfPaced as SelfPaced
from ._sigmoid_of_z_score import SigmoidOfZScore as SigmoidOfZScore

__all__ = [
    "ADR",
    "NCC",
    "AbstractCurriculum",
    "AbstractLevelSource",
    "AbstractPrioritisation",
    "AbstractWeights",
    "AdversarialDesign",
    "AlpGmm",
    "BeatTheLowestScore",
    "Boltzmann",
    "BothScores",
    "CoLearnability",
    "DomainRandomisation",
    "Doraemon",
    "Easiest",
    "FixedTasks",
    "GeneratorMixture",
    "Hardest",
    "LearnedGenerator",
    "LevelReplay",
    "LevelSpec",
    "NewAndReplayed",
    "Proportional",
    "Proposal",
    "Rank",
    "SamplingForLearnability",
    "SelfPaced",
    "Sequential",
    "SideBySide",
    "SigmoidOfZScore",
    "TopK",
]


def __dir__() -> list[str]:
    return sorted(__all__)
