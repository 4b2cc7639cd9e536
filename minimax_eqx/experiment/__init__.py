"""A run on disk: configuration, presets, the training loop, checkpoints and reports.

Needs the packages of the extra `minimax_eqx[cli]`. A name is imported when it is first used, so
that options can be read, and refused, before JAX is imported.
"""

import importlib as _importlib
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:
    from .._files import FolderError as FolderError
    from ._build import make_env as make_env
    from ._build import make_generator as make_generator
    from ._build import make_runner as make_runner
    from ._checkpoints import CheckpointError as CheckpointError
    from ._checkpoints import Checkpoints as Checkpoints
    from ._config import Config as Config
    from ._divergence import TrainingError as TrainingError
    from ._evaluation import evaluate_run as evaluate_run
    from ._folder import RunFolder as RunFolder
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
    from ._loop import Outcome as Outcome
    from ._options import ConfigError as ConfigError
    from ._presets import PRESETS as PRESETS
    from ._presets import preset as preset
    from ._report import WriteReport as WriteReport
    from ._report import write_report as write_report
    from ._train import load_run as load_run
    from ._train import resume as resume
    from ._train import train as train

# The same once more, for when the program runs: which module each name is in.
_PLACES = {
    "make_env": "_build",
    "make_generator": "_build",
    "make_runner": "_build",
    "CheckpointError": "_checkpoints",
    "Checkpoints": "_checkpoints",
    "Config": "_config",
    "TrainingError": "_divergence",
    "evaluate_run": "_evaluation",
    "FolderError": "_folder",
    "RunFolder": "_folder",
    "Compiled": "_hooks",
    "Evaluated": "_hooks",
    "Event": "_hooks",
    "Finished": "_hooks",
    "Hook": "_hooks",
    "Ledger": "_hooks",
    "Progressed": "_hooks",
    "Remote": "_hooks",
    "Saved": "_hooks",
    "Started": "_hooks",
    "Stopping": "_hooks",
    "Trained": "_hooks",
    "Outcome": "_loop",
    "ConfigError": "_options",
    "PRESETS": "_presets",
    "preset": "_presets",
    "WriteReport": "_report",
    "write_report": "_report",
    "load_run": "_train",
    "resume": "_train",
    "train": "_train",
}
__all__ = list(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll] - it reads those above


def __getattr__(name: str) -> _Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
