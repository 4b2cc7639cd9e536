"""A run on disk: the training loop and its hooks, checkpoints, evaluation and reports.

Needs the packages of the extra `minimax_eqx[cli]`.
"""

from .._files import FolderError as FolderError
from .._xla._cache import keep_compiled_programs as keep_compiled_programs
from ._evaluation import evaluate as evaluate
from ._hooks import Compiled as Compiled
from ._hooks import Evaluated as Evaluated
from ._hooks import Event as Event
from ._hooks import Finished as Finished
from ._hooks import Hook as Hook
from ._hooks import Ledger as Ledger
from ._hooks import Progressed as Progressed
from ._hooks import Remote as Remote
from ._hooks import Saved as Saved
from ._hooks import Started as Started
from ._hooks import Stopping as Stopping
from ._hooks import Trained as Trained
from ._own_hooks import TrainingError as TrainingError
from ._report import WriteReport as WriteReport
from ._train import load as load
from ._train import resume as resume
from ._train import train as train

__all__ = [
    "Compiled",
    "Evaluated",
    "Event",
    "Finished",
    "FolderError",
    "Hook",
    "Ledger",
    "Progressed",
    "Remote",
    "Saved",
    "Started",
    "Stopping",
    "Trained",
    "TrainingError",
    "WriteReport",
    "evaluate",
    "keep_compiled_programs",
    "load",
    "resume",
    "train",
]


def __dir__() -> list[str]:
    return sorted(__all__)
