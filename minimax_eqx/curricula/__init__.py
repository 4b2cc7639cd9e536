"""Who picks the levels."""

from ._admission import AbstractAdmission as AbstractAdmission
from ._admission import BeatTheLeastLikely as BeatTheLeastLikely
from ._admission import BeatTheLowestScore as BeatTheLowestScore
from ._adversarial_design import AdversarialDesign as AdversarialDesign
from ._curriculum import AbstractCurriculum as AbstractCurriculum
from ._curriculum import Proposal as Proposal
from ._domain_randomisation import DomainRandomisation as DomainRandomisation
from ._learnability_search import SamplingForLearnability as SamplingForLearnability
from ._learned_generator import LearnedGenerator as LearnedGenerator
from ._level_buffer import LevelBuffer as LevelBuffer
from ._level_replay import LevelReplay as LevelReplay
from ._level_source import AbstractLevelSource as AbstractLevelSource
from ._level_source import Sampled as Sampled
from ._prioritisation import AbstractPrioritisation as AbstractPrioritisation
from ._prioritisation import Proportional as Proportional
from ._prioritisation import Rank as Rank
from ._prioritisation import TopK as TopK

__all__ = [
    "AbstractAdmission",
    "AbstractCurriculum",
    "AbstractLevelSource",
    "AbstractPrioritisation",
    "AdversarialDesign",
    "BeatTheLeastLikely",
    "BeatTheLowestScore",
    "DomainRandomisation",
    "LearnedGenerator",
    "LevelBuffer",
    "LevelReplay",
    "Proportional",
    "Proposal",
    "Rank",
    "Sampled",
    "SamplingForLearnability",
    "TopK",
]


def __dir__() -> list[str]:
    return sorted(__all__)
