"""Compiling the training program while the runner that it is for is still being made."""

import concurrent.futures
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..runners import Runner, run
from .build import make_runner
from .config import Config


class CompileAhead:
    """The program `run(runner, num_cycles)` for a configuration's runner, compiled in a thread.

    Made before the runner, so that compiling the cycle and initialising the students overlap.
    Tracing happens at once: raises what `make_runner` and a cycle raise for a configuration that
    cannot be run.
    """

    def __init__(self, config: Config, num_cycles: int):
        lowered = run.lower(_stand_in(config), num_cycles)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._program = pool.submit(lowered.compile)
        pool.shutdown(wait=False)

    def compile(self) -> Any:
        """The compiled program, as soon as it is there."""
        return self._program.result()


def _stand_in(config: Config) -> Runner:
    """A runner of the right shapes and types, of zeros."""
    spec = eqx.filter_eval_shape(make_runner, config)

    def zeros(leaf):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return (
                jax.random.split(jax.random.key(0), leaf.shape) if leaf.shape else jax.random.key(0)
            )
        return jnp.asarray(np.zeros(leaf.shape, leaf.dtype))

    return jax.tree.map(zeros, spec)
