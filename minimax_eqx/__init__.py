"""Unsupervised environment design in JAX and Equinox.

Importing this package turns on run-time checks of the array shapes and types that its functions
declare. They run while JAX traces, never in compiled code. Set the environment variable
`MINIMAX_EQX_TYPECHECK=0` to leave them out.

Its packages are imported when they are first used, so that what needs no JAX, such as the help of
the command line, does not wait for it. What you use most is here as well: `Experiment` and
`Runner`, `run` to train in memory, and `train`, `resume`, `evaluate` and `load` for a run on disk.
"""

import os as _os

from . import _typecheck as _typecheck
from ._lazy import shown as _shown
from ._version import VERSION as _VERSION

__version__ = _VERSION
_checks = _typecheck.CheckedModules(_typecheck.modules_to_check(__name__, __path__))
if _os.environ.get("MINIMAX_EQX_TYPECHECK", "1") != "0":
    _checks.install()

__getattr__, __dir__, __all__ = _shown(__name__)
