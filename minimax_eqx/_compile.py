"""How the large programs of this package are compiled."""

import contextlib
import functools
import os
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
from jax.core import Tracer

# On a CPU LLVM's full optimisation doubles the time to compile and gains nothing over level 1:
# nearly all of a cycle is spent in matrix products and in loops that XLA has vectorised already.
# Level 0 compiles faster still and halves the speed, which is right for what runs once.
RUNS_OFTEN, RUNS_ONCE = 1, 0
LEVEL_FLAG = "xla_backend_optimization_level"
EMITTERS_FLAG = "xla_cpu_use_fusion_emitters"


class quick_jit:
    """`eqx.filter_jit` with options that compile fast on the backend in use.

    A level in the environment variable `XLA_FLAGS` is left alone. The backend is looked up at the
    first call, not when the function is defined, so that importing this package starts no device.
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
        options = {}
        chosen_by_user = LEVEL_FLAG in os.environ.get("XLA_FLAGS", "")
        if jax.default_backend() == "cpu" and not chosen_by_user:
            level = {LEVEL_FLAG: self._cpu_optimisation}
            options = {"compiler_options": level}
        # Equinox hands further keywords on to jax.jit, which its type stubs leave out.
        return eqx.filter_jit(self._function, donate=self._donate, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]


def compile_to_run_once(lowered: Any) -> Any:
    """Compiles a program of `quick_jit.lower` that will be called once, faster still on a CPU."""
    if jax.default_backend() == "cpu":
        # XLA's older way of making kernels: half the time to compile, a quarter slower kernels.
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # an XLA without this option
            return lowered.compile(compiler_options={EMITTERS_FLAG: False})
    return lowered.compile()
