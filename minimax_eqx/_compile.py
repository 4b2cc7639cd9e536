"""How the large programs of this package are compiled."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax

# On a CPU LLVM's full optimisation doubles the time to compile and gains nothing: nearly all of a
# cycle is spent in matrix products and fused loops that XLA has vectorised already.
CPU_COMPILER_OPTIONS = {"xla_backend_optimization_level": 1}


class quick_jit:
    """`eqx.filter_jit` with options that compile fast on the backend in use.

    The backend is looked up at the first call, not when the function is defined, so that importing
    this package starts no device.
    """

    def __init__(self, function: Callable[..., Any], *, donate: Literal["all", "none"] = "none"):
        self._function = function
        self._donate: Literal["all", "none"] = donate
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((args, kwargs))):
            # Inside another program the options are that program's.
            return self._function(*args, **kwargs)
        return self._jitted(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments, to be compiled ahead of its first call."""
        return self._jitted.lower(*args, **kwargs)

    @functools.cached_property
    def _jitted(self) -> Any:
        options = {}
        if jax.default_backend() == "cpu":
            options = {"compiler_options": CPU_COMPILER_OPTIONS}
        # Equinox hands further keywords on to jax.jit, which its type stubs leave out.
        return eqx.filter_jit(self._function, donate=self._donate, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
