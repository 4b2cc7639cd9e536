"""How long XLA compiles, on any backend: what a program takes the first time and never again.

Nothing is made faster by it. A run with a budget of time takes it off what an evaluation took, to
know what the next one will take.
"""

import functools

import jax

# What JAX tells of each program: compiled, or found in the cache of compiled programs.
_EVENTS = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "backend_compile_duration")


class _Total:
    """Adds up what JAX tells of the programs that it compiles, in whichever thread."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event.endswith(_EVENTS):
            self.seconds += duration_secs


@functools.cache
def _total() -> _Total:
    total = _Total()
    jax.monitoring.register_event_duration_secs_listener(total)
    return total


def seconds_compiling() -> float:
    """The seconds that this process has spent on compiling since this was first asked."""
    return _total().seconds
