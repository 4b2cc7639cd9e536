"""Who picks the levels."""

from ._curriculum import AbstractCurriculum as AbstractCurriculum
from ._curriculum import Evidence as Evidence
from ._curriculum import Proposal as Proposal
from ._domain_randomisation import DomainRandomisation as DomainRandomisation
