"""Unsupervised environment design in JAX and Equinox.

Importing this package turns on run-time checks of the array shapes and types that its functions
declare. They run while JAX traces, never in compiled code. Set the environment variable
`MINIMAX_EQX_TYPECHECK=0` to leave them out.
"""

import importlib.metadata
import os

from jaxtyping import install_import_hook

if os.environ.get("MINIMAX_EQX_TYPECHECK", "1") != "0":
    install_import_hook("minimax_eqx", "beartype.beartype")

from . import agents as agents
from . import curricula as curricula
from . import envs as envs
from . import nets as nets
from . import runners as runners

__version__ = importlib.metadata.version("minimax_eqx")
