"""Unsupervised environment design in JAX and Equinox.

Importing this package turns on run-time checks of the array shapes and types that its functions
declare. They run while JAX traces, never in compiled code. Set the environment variable
`MINIMAX_EQX_TYPECHECK=0` to leave them out.

Its packages are imported when they are first used, so that what needs no JAX, such as the help of
the command line, does not wait for it. What you use most is here as well: `Experiment` and
`Runner`, `run` to train in memory, and `train`, `resume`, `evaluate` and `load` for a run on disk.
"""

import importlib as _importlib
import os as _os
from typing import TYPE_CHECKING
from typing import Any as _Any

from . import _typecheck as _typecheck
from ._version import VERSION as __version__

_checks = _typecheck.CheckedModules(_typecheck.modules_to_check(__name__, __path__))
if _os.environ.get("MINIMAX_EQX_TYPECHECK", "1") != "0":
    _checks.install()

if TYPE_CHECKING:
    from . import agents as agents
    from . import curricula as curricula
    from . import envs as envs
    from . import experiment as experiment
    from . import nets as nets
    from . import recipes as recipes
    from . import rollouts as rollouts
    from . import runners as runners
    from . import scores as scores
    from .experiment._train import load as load
    from .experiment._train import resume as resume
    from .experiment._train import train as train
    from .runners._evaluation import evaluate as evaluate
    from .runners._experiment import Experiment as Experiment
    from .runners._runner import Runner as Runner
    from .runners._runner import run as run

__all__ = [
    "Experiment",
    "Runner",
    "__version__",
    "agents",
    "curricula",
    "envs",
    "evaluate",
    "experiment",
    "load",
    "nets",
    "recipes",
    "resume",
    "rollouts",
    "run",
    "runners",
    "scores",
    "train",
]
# What you use most, and which module it is in.
_MODULE_OF = {
    "Experiment": "runners._experiment",
    **dict.fromkeys(("Runner", "run"), "runners._runner"),
    "evaluate": "runners._evaluation",
    **dict.fromkeys(("train", "resume", "load"), "experiment._train"),
}


def __getattr__(name: str) -> _Any:
    if name in _MODULE_OF:
        return getattr(_importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    if name in __all__:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
