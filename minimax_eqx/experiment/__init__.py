"""A run on disk: the training loop and its hooks, and what they write.

Needs the packages of the extra `minimax_eqx[cli]`.
"""

from ._hooks import Evaluated as Evaluated
from ._hooks import Finished as Finished
from ._hooks import Progressed as Progressed
from ._hooks import Remote as Remote
from ._hooks import Saved as Saved
from ._hooks import Started as Started
from ._hooks import Stopping as Stopping
from ._own_hooks import TrainingError as TrainingError
from ._own_hooks import WriteReport as WriteReport

__all__ = [
    "Evaluated",
    "Finished",
    "Progressed",
    "Remote",
    "Saved",
    "Started",
    "Stopping",
    "TrainingError",
    "WriteReport",
]


def __dir__() -> list[str]:
    return sorted(__all__)
