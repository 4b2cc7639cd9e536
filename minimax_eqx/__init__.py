"""Unsupervised environment design in JAX and Equinox.

Importing this package turns on run-time checks of the array shapes and types that its functions
declare. They run while JAX traces, never in compiled code. Set the environment variable
`MINIMAX_EQX_TYPECHECK=0` to leave them out.
"""

import os

from jaxtyping import install_import_hook

from . import _typecheck as _typecheck

if os.environ.get("MINIMAX_EQX_TYPECHECK", "1") != "0":
    install_import_hook("minimax_eqx", "minimax_eqx._typecheck.typechecker")

from . import agents as agents
from . import curricula as curricula
from . import envs as envs
from . import nets as nets
from . import rollouts as rollouts
from . import runners as runners
from ._version import VERSION

__version__ = VERSION
