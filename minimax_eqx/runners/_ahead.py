"""Starting fast: compiling in threads while the Python of the next step runs."""

import concurrent.futures
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from .._types import State
from .._xla._compile import RunOnce
from ._experiment import Experiment
from ._runner import Runner, run
from ._schedule import Evaluation, Schedule


def making(experiment: Experiment) -> RunOnce[Runner]:
    """The program that makes the runner of an experiment, one for all of it: op by op,
    initialisation takes longer than training's first update. Its `spec` is the runner without its
    arrays, which is all that it takes to load one.

    The runner does not depend on what its run does besides: a longer one is the same program.
    """
    bare = dataclasses.replace(
        experiment,
        seed=0,
        devices=1,
        matmul_precision="default",
        # The shortest, in which every learning rate lasts.
        schedule=Schedule(num_updates=experiment.rollouts_per_play, log_every=1),
        evaluation=Evaluation(),
    )
    return RunOnce(lambda key: Runner.create(bare, key=key), jax.random.key(experiment.seed))


class CompileAhead:
    """The runner that `make` makes, and the program `run(runner, num_cycles)` for it.

    The cycle is traced at once, from the runner's shapes alone: raises what a cycle raises for a
    configuration that cannot be run, and by levels that the devices of `mesh` cannot share equally.
    Then it compiles in a thread, and in another the runner is made, on the core that XLA leaves
    free for half of that time.
    """

    def __init__(self, make: RunOnce[Runner], num_cycles: int, mesh: Mesh | None = None):
        cycle = run.lower(zeros(make.spec).on(mesh), num_cycles)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
        self._program = pool.submit(cycle.compile)
        self._runner = pool.submit(make)
        pool.shutdown(wait=False)

    def runner(self) -> Runner:
        """What `make` returns, as soon as it is there."""
        return self._runner.result()

    def compile(self) -> Any:
        """The compiled program, as soon as it is there."""
        return self._program.result()


def zeros(spec: State) -> State:
    """Arrays of these shapes and types, to trace with."""

    def zero(leaf):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(zero(jax.eval_shape(jax.random.key_data, leaf)))
        # Of NumPy's zeros, since `jnp.zeros` compiles a program for every shape.
        return jax.device_put(np.zeros(leaf.shape, leaf.dtype))

    return jax.tree.map(zero, spec)
