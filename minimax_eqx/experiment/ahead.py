"""Starting fast: compiling in threads while the Python of the next step runs."""

import concurrent.futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PyTree

from .._compile import compile_to_run_once, output_spec
from ..runners import Runner, run
from .build import lower_make_runner
from .config import Config
from .processes import arrays_of_first


class CompileAhead:
    """A configuration's runner, and the program `run(runner, num_cycles)` for it.

    The initialisation compiles and runs in a thread while Python traces the cycle; the cycle
    compiles in another. Tracing happens at once: raises what `make_runner` and a cycle raise for a
    configuration that cannot be run, and by levels that the devices of `mesh` cannot share equally.
    """

    def __init__(self, config: Config, num_cycles: int, mesh: Mesh | None = None):
        initialisation = lower_make_runner(config)
        key = jax.random.key(config.seed)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
        self._runner = pool.submit(lambda: compile_to_run_once(initialisation)(key))
        self._mesh = mesh
        cycle = run.lower(_zeros(output_spec(initialisation)).on(mesh), num_cycles)
        self._program = pool.submit(cycle.compile)
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
