"""How the large programs of this package are compiled."""

import concurrent.futures
import contextlib
import functools
import gc
import os
from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, TypeVar

import equinox as eqx
import jax
from jax.core import Tracer
from jaxtyping import Array

from .._types import PyTree

# On a CPU LLVM's full optimisation doubles the time to compile and gains nothing over level 1:
# nearly all of a cycle is spent in matrix products and in loops that XLA has vectorised already.
# Level 0 compiles faster still and halves the speed, which is right for what runs once.
RUNS_OFTEN, RUNS_ONCE = 1, 0
LEVEL_FLAG = "xla_backend_optimization_level"
EMITTERS_FLAG = "xla_cpu_use_fusion_emitters"
# With so many numbers to make, as for the weights of PAIRED's teacher, the speed counts even once.
LARGE_RESULT = 2**24
# Of each function. A program holds about a thousand memory maps, of which Linux grants a process
# 65,530; XLA ends in a segmentation fault when there are none left.
MOST_PROGRAMS = 16

Result = TypeVar("Result")


class quick_jit:
    """`eqx.filter_jit` with options that compile fast on the backend in use.

    The backend is looked up at the first call, not when the function is defined, so that importing
    this package starts no device. The programs of a function are forgotten when there are
    `MOST_PROGRAMS` of them, so that a process can go through any number of configurations.

    A call raises `ValueError` if an array that it is given was consumed by `run`, and what
    `check_switches` raises.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        donate: Literal["all", "all-except-first", "none"] = "none",
        cpu_optimisation: int = RUNS_OFTEN,
    ):
        self._function = function
        self._donate: Literal["all", "all-except-first", "none"] = donate
        self._cpu_optimisation = cpu_optimisation
        self._kinds: set[Any] = set()
        self._name = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = jax.tree.flatten((args, kwargs))
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            # Inside another program the options are that program's.
            return self._function(*args, **kwargs)
        check_not_consumed(self._name, leaves)
        self._prepare(leaves, structure)
        return self._jitted(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments, to be compiled ahead of its first call."""
        self._prepare(*jax.tree.flatten((args, kwargs)))
        if jit_is_off():
            return NeverCompiled(self)
        with _nothing_collected():
            return self._jitted.lower(*args, **kwargs)

    def _prepare(self, leaves: list[Any], structure: Any) -> None:
        check_switches()
        kind = (structure, *(_spec_of(leaf) for leaf in leaves))
        if kind not in self._kinds and len(self._kinds) >= MOST_PROGRAMS:
            self._forget()
        self._kinds.add(kind)

    def _forget(self) -> None:
        self._kinds.clear()
        # Equinox offers this for the functions of the whole process only (`eqx.clear_caches`).
        self._jitted._cached.clear_cache()

    @functools.cached_property
    def _jitted(self) -> Any:
        chosen = _compiler_options(self._cpu_optimisation)
        options = {"compiler_options": chosen} if chosen else {}
        # Equinox hands further keywords on to jax.jit, which its type stubs leave out.
        return eqx.filter_jit(self._function, donate=self._donate, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]


class NeverCompiled:
    """Stands for a program that was lowered where JAX compiles nothing: the function itself."""

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def compile(self) -> Callable[..., Any]:
        """The function, which runs operation by operation."""
        return self._function


class RunOnce(Generic[Result]):
    """A call of a function, traced, that is compiled and run once: few seconds in all.

    - `spec`: the result, with `jax.ShapeDtypeStruct`s for arrays.

    Raises what `check_switches` raises.
    """

    spec: Result

    def __init__(self, function: Callable[..., Result], *args: Array):
        check_switches()
        static = []

        def arrays(*args):
            dynamic, rest = eqx.partition(function(*args), eqx.is_array)
            static.append(rest)
            return dynamic

        self._function = function
        self._args = args
        self._traced: Any = None
        self._compiling: concurrent.futures.Future[Any] | None = None
        if jit_is_off():
            self.spec = eqx.filter_eval_shape(function, *args)
            return
        jitted: Any = jax.jit(arrays)  # `clear_cache` is not in its stubs
        with _nothing_collected():
            self._traced = jitted.trace(*args)
        # What JAX remembers of a function, it remembers after the function is gone.
        jitted.clear_cache()
        (self._static,) = static
        self.spec = eqx.combine(self._traced.out_info, self._static)

    def compile_aside(self) -> None:
        """Begins to compile in another thread, so that this one may trace the next program.

        What a compiler says against it is raised by the call.
        """
        if self._traced is not None:
            pool = concurrent.futures.ThreadPoolExecutor(1)
            self._compiling = pool.submit(self._compile, self._lowered())
            pool.shutdown(wait=False)

    def __call__(self) -> Result:
        """Compiles, runs, and returns the result."""
        if self._traced is None:
            return self._function(*self._args)
        begun = self._compiling
        compiled = begun.result() if begun else self._compile(self._lowered())
        return eqx.combine(compiled(*self._args), self._static)

    def _lowered(self) -> Any:
        # In the caller's thread, whose settings of JAX may be its own.
        with _nothing_collected():
            return self._traced.lower()

    def _compile(self, lowered: Any) -> Any:
        size = sum(leaf.size for leaf in jax.tree.leaves(self._traced.out_info))
        options = _compiler_options(RUNS_ONCE if size < LARGE_RESULT else RUNS_OFTEN)
        if jax.default_backend() == "cpu":
            # XLA's older way of making kernels: half the time to compile, a quarter slower kernels.
            with contextlib.suppress(jax.errors.JaxRuntimeError):  # an XLA without this option
                return lowered.compile(options | {EMITTERS_FLAG: False})
        return lowered.compile(options)


def check_switches() -> None:
    """Raises `ValueError` for settings of JAX under which nothing here can run."""
    for switch, turn_off, value, meaning in (
        ("jax_debug_nans", "jax.debug_nans(False)", "NaN", "not measured"),
        ("jax_debug_infs", "jax.debug_infs(False)", "infinity", "no score yet, or no chance"),
    ):
        if getattr(jax.config, switch):
            raise ValueError(
                f"{switch} is on, and minimax_eqx uses {value} for {meaning!r}: switch it off, or "
                f"leave it off around these calls with `{turn_off}`. Training checks its losses "
                "and what it saves by itself."
            )


def check_not_consumed(name: str, tree: PyTree) -> None:
    """Raises `ValueError`, for the caller `name`, if an array of the tree is no longer there."""
    for leaf in jax.tree.leaves(tree):
        if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.is_deleted():
            raise ValueError(
                f"{name}: this runner, or the one that this is a part of, was consumed by `run` or "
                "`run_members`, which reuse its memory. Use what they returned instead: "
                "`runner, metrics = run(runner, num_cycles)`."
            )


def jit_is_off() -> bool:
    """Whether JAX compiles nothing (`JAX_DISABLE_JIT`, `jax.disable_jit`)."""
    settings: Any = jax.config  # whose stubs leave this one out
    return bool(settings.jax_disable_jit)


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Holds Python's garbage collector while a program is traced, or lowered.

    This makes a great many objects, nearly all of which stay, and to look through all of them
    again and again takes a tenth of the time. On any backend.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _spec_of(leaf: Any) -> Any:
    return (leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else leaf


def _compiler_options(cpu_optimisation: int) -> dict[str, Any]:
    """For the backend in use; a level in the environment variable `XLA_FLAGS` is left alone."""
    if jax.default_backend() != "cpu" or LEVEL_FLAG in os.environ.get("XLA_FLAGS", ""):
        return {}
    return {LEVEL_FLAG: cpu_optimisation}
