"""A run on disk: configuration, presets, the training loop, checkpoints and reports.

Needs the packages of the extra `minimax_eqx[cli]`. A name is imported when it is first used, so
that options can be read, and refused, before JAX is imported.
"""

import importlib as _importlib
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:
    from ._ahead import CompileAhead as CompileAhead
    from ._build import make_env as make_env
    from ._build import make_generator as make_generator
    from ._build import make_runner as make_runner
    from ._checkpoints import Checkpoints as Checkpoints
    from ._config import Config as Config
    from ._evaluation import evaluate_held_out as evaluate_held_out
    from ._evaluation import evaluate_run as evaluate_run
    from ._evaluation import held_out_mazes as held_out_mazes
    from ._filesystem import FolderError as FolderError
    from ._folder import RunFolder as RunFolder
    from ._ledger import Ledger as Ledger
    from ._listener import Listener as Listener
    from ._loop import Outcome as Outcome
    from ._loop import TrainingError as TrainingError
    from ._manifest import CheckpointError as CheckpointError
    from ._options import ConfigError as ConfigError
    from ._presets import PRESETS as PRESETS
    from ._presets import preset as preset
    from ._report import write_curves as write_curves
    from ._report import write_report as write_report
    from ._train import load_runner as load_runner
    from ._train import resume as resume
    from ._train import start as start

# The same once more, for when the program runs: which module each name is in.
_MODULES = {
    "_ahead": ("CompileAhead",),
    "_build": ("make_env", "make_generator", "make_runner"),
    "_checkpoints": ("Checkpoints",),
    "_config": ("Config",),
    "_evaluation": ("evaluate_held_out", "evaluate_run", "held_out_mazes"),
    "_filesystem": ("FolderError",),
    "_folder": ("RunFolder",),
    "_ledger": ("Ledger",),
    "_listener": ("Listener",),
    "_loop": ("Outcome", "TrainingError"),
    "_manifest": ("CheckpointError",),
    "_options": ("ConfigError",),
    "_presets": ("PRESETS", "preset"),
    "_report": ("write_curves", "write_report"),
    "_train": ("load_runner", "resume", "start"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = list(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll] - it reads those above


def __getattr__(name: str) -> _Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
