"""Starting fast: compiling in threads while the Python of the next step runs."""

import concurrent.futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from .._types import PyTree
from ..runners import Runner, run
from ._build import trace_runner
from ._config import Config
from ._processes import arrays_of_first


class CompileAhead:
    """A configuration's runner, and the program `run(runner, num_cycles)` for it.

    The cycle is traced at once, from the runner's shapes alone: raises what `make_runner` and a
    cycle raise for a configuration that cannot be run, and by levels that the devices of `mesh`
    cannot share equally. Then it compiles in a thread, and in another the runner is made, on the
    core that XLA leaves free for half of that time.
    """

    def __init__(self, config: Config, num_cycles: int, mesh: Mesh | None = None):
        make = trace_runner(config)
        cycle = run.lower(_zeros(make.spec).on(mesh), num_cycles)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
        self._program = pool.submit(cycle.compile)
        self._runner = pool.submit(make)
        self._mesh = mesh
        pool.shutdown(wait=False)

    def runner(self) -> Runner:
        """What `make_runner` returns, on the mesh, as soon as it is there."""
        return arrays_of_first(self._runner.result()).on(self._mesh)

    def compile(self) -> Any:
        """The compiled program, as soon as it is there."""
        return self._program.result()


def _zeros(spec: PyTree) -> PyTree:
    """Arrays of these shapes and types, to trace with."""

    def zeros(leaf):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(zeros(jax.eval_shape(jax.random.key_data, leaf)))
        # Of NumPy's zeros, since `jnp.zeros` compiles a program for every shape.
        return jax.device_put(np.zeros(leaf.shape, leaf.dtype))

    return jax.tree.map(zeros, spec)
