"""How precisely an experiment's programs multiply."""

import contextlib
from typing import Any

import jax

from ._experiment import Experiment


def matmul_precision(experiment: Experiment) -> contextlib.AbstractContextManager[Any]:
    """While this lasts, programs are traced with the experiment's precision."""
    if experiment.matmul_precision == "default":
        return contextlib.nullcontext()
    return jax.default_matmul_precision(experiment.matmul_precision)
