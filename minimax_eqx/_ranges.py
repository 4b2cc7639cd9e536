"""Checks of the numbers that a part is configured with, all with one form of message."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer


def check_at_least(part: eqx.Module, minimum: float, *names: str) -> None:
    """Raises `ValueError` for a field of these names that is below `minimum`, or not finite.

    A field may be a number or an array of them. What is None, or traced as in a sweep, passes.
    """
    _check(part, names, f"at least {_plain(minimum)}", lambda values: values >= minimum)


def check_positive(part: eqx.Module, *names: str) -> None:
    """Raises `ValueError` for a field of these names that is not above 0, or not finite."""
    _check(part, names, "positive and finite", lambda values: values > 0)


def check_between(part: eqx.Module, low: float, high: float, *names: str) -> None:
    """Raises `ValueError` for a field of these names that is not in `[low, high]`."""
    _check(
        part,
        names,
        f"between {_plain(low)} and {_plain(high)}",
        lambda values: (values >= low) & (values <= high),
    )


def check_finite(part: eqx.Module, *names: str) -> None:
    """Raises `ValueError` for a field of these names that is no finite number."""
    _check(part, names, "a finite number", np.isfinite)


def check_below(part: eqx.Module, smaller: str, larger: str) -> None:
    """Raises `ValueError` unless the field named `smaller` is below the one named `larger`.

    Where one of them is traced, as in a sweep, they pass.
    """
    low, high = getattr(part, smaller), getattr(part, larger)
    if not isinstance(low, Tracer) and not isinstance(high, Tracer) and not np.all(low < high):
        raise ValueError(
            f"{type(part).__name__}.{smaller} is {low!r} and {larger} is {high!r}; {smaller} must "
            f"be below {larger}."
        )


def _check(
    part: eqx.Module,
    names: Sequence[str],
    demand: str,
    holds: Callable[[np.ndarray], np.ndarray],
) -> None:
    for name in names:
        value = getattr(part, name)
        if value is None or isinstance(value, Tracer | jax.ShapeDtypeStruct):
            continue
        values = np.asarray(value)
        is_number = values.dtype.kind in "iuf"
        if not is_number or not np.all(np.isfinite(values)) or not np.all(holds(values)):
            raise ValueError(f"{type(part).__name__}.{name} is {value!r}; it must be {demand}.")


def _plain(bound: float) -> str:
    """A bound as a reader expects it: 8,388,608, and not 8.38861e+06."""
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
