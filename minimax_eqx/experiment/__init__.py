"""A run on disk: configuration, presets, the training loop, checkpoints and reports.

Needs the packages of the extra `minimax_eqx[cli]`. A name is imported when it is first used, so
that options can be read, and refused, before JAX is imported.
"""

import importlib as _importlib
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:
    from .ahead import CompileAhead as CompileAhead
    from .build import make_env as make_env
    from .build import make_generator as make_generator
    from .build import make_runner as make_runner
    from .checkpoints import Checkpoints as Checkpoints
    from .compile_cache import keep_compiled_programs as keep_compiled_programs
    from .config import Config as Config
    from .evaluation import evaluate_held_out as evaluate_held_out
    from .evaluation import evaluate_run as evaluate_run
    from .evaluation import held_out_mazes as held_out_mazes
    from .filesystem import FolderError as FolderError
    from .folder import RunFolder as RunFolder
    from .ledger import Ledger as Ledger
    from .listener import Listener as Listener
    from .loop import Outcome as Outcome
    from .loop import TrainingError as TrainingError
    from .manifest import CheckpointError as CheckpointError
    from .options import ConfigError as ConfigError
    from .presets import PRESETS as PRESETS
    from .presets import preset as preset
    from .report import write_curves as write_curves
    from .report import write_report as write_report
    from .train import load_runner as load_runner
    from .train import resume as resume
    from .train import start as start

# The same once more, for when the program runs: which module each name is in.
_MODULES = {
    "ahead": ("CompileAhead",),
    "build": ("make_env", "make_generator", "make_runner"),
    "checkpoints": ("Checkpoints",),
    "compile_cache": ("keep_compiled_programs",),
    "config": ("Config",),
    "evaluation": ("evaluate_held_out", "evaluate_run", "held_out_mazes"),
    "filesystem": ("FolderError",),
    "folder": ("RunFolder",),
    "ledger": ("Ledger",),
    "listener": ("Listener",),
    "loop": ("Outcome", "TrainingError"),
    "manifest": ("CheckpointError",),
    "options": ("ConfigError",),
    "presets": ("PRESETS", "preset"),
    "report": ("write_curves", "write_report"),
    "train": ("load_runner", "resume", "start"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = list(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll] - it reads those above


def __getattr__(name: str) -> _Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
