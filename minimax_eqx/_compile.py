"""How the large programs of this package are compiled."""

import contextlib
import functools
import os
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import equinox as eqx
import jax
from jax.core import Tracer
from jaxtyping import Array

# On a CPU LLVM's full optimisation doubles the time to compile and gains nothing over level 1:
# nearly all of a cycle is spent in matrix products and in loops that XLA has vectorised already.
# Level 0 compiles faster still and halves the speed, which is right for what runs once.
RUNS_OFTEN, RUNS_ONCE = 1, 0
LEVEL_FLAG = "xla_backend_optimization_level"
EMITTERS_FLAG = "xla_cpu_use_fusion_emitters"
# With so many numbers to make, as for the weights of PAIRED's teacher, the speed counts even once.
LARGE_RESULT = 2**24

Result = TypeVar("Result")


class quick_jit:
    """`eqx.filter_jit` with options that compile fast on the backend in use.

    The backend is looked up at the first call, not when the function is defined, so that importing
    this package starts no device.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        donate: Literal["all", "none"] = "none",
        cpu_optimisation: int = RUNS_OFTEN,
    ):
        self._function = function
        self._donate: Literal["all", "none"] = donate
        self._cpu_optimisation = cpu_optimisation
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((args, kwargs))):
            # Inside another program the options are that program's.
            return self._function(*args, **kwargs)
        return self._jitted(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments, to be compiled ahead of its first call."""
        return self._jitted.lower(*args, **kwargs)

    @functools.cached_property
    def _jitted(self) -> Any:
        chosen = _compiler_options(self._cpu_optimisation)
        options = {"compiler_options": chosen} if chosen else {}
        # Equinox hands further keywords on to jax.jit, which its type stubs leave out.
        return eqx.filter_jit(self._function, donate=self._donate, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]


class RunOnce(Generic[Result]):
    """A call of a function, traced, that is compiled and run once: few seconds in all.

    - `spec`: the result, with `jax.ShapeDtypeStruct`s for arrays.
    """

    spec: Result

    def __init__(self, function: Callable[..., Result], *args: Array):
        static = []

        def arrays(*args):
            dynamic, rest = eqx.partition(function(*args), eqx.is_array)
            static.append(rest)
            return dynamic

        self._args = args
        self._traced = jax.jit(arrays).trace(*args)
        (self._static,) = static
        self.spec = eqx.combine(self._traced.out_info, self._static)

    def __call__(self) -> Result:
        """Compiles, runs, and returns the result."""
        lowered = self._traced.lower()
        size = sum(leaf.size for leaf in jax.tree.leaves(self._traced.out_info))
        options = _compiler_options(RUNS_ONCE if size < LARGE_RESULT else RUNS_OFTEN)
        compiled = None
        if jax.default_backend() == "cpu":
            # XLA's older way of making kernels: half the time to compile, a quarter slower kernels.
            with contextlib.suppress(jax.errors.JaxRuntimeError):  # an XLA without this option
                compiled = lowered.compile(options | {EMITTERS_FLAG: False})
        compiled = compiled or lowered.compile(options)
        return eqx.combine(compiled(*self._args), self._static)


def _compiler_options(cpu_optimisation: int) -> dict[str, Any]:
    """For the backend in use; a level in the environment variable `XLA_FLAGS` is left alone."""
    if jax.default_backend() != "cpu" or LEVEL_FLAG in os.environ.get("XLA_FLAGS", ""):
        return {}
    return {LEVEL_FLAG: cpu_optimisation}
