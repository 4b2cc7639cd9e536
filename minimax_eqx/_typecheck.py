"""The run-time type checker of this package."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import AnnotationError, TypeCheckError

# Where a float is asked for, an int will do, as everywhere in Python's numeric tower. Without
# colours, since the text is read below.
_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True, is_color=False))

MOST_CHARACTERS = 120


class ArgumentError(TypeCheckError, AnnotationError):
    """A value of another type, dtype or shape than the function that was called declares.

    An `AnnotationError`, because jaxtyping passes those on as they are. Others it puts into a
    report with every argument of the call, which is several screens of a network's weights.
    """


def typechecker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype.

    The checks are written when it is first called. A program calls a small part of this package,
    and to write the checks of all of it would take longer than the rest of its import.
    """

    @functools.cache
    def checked() -> Callable[..., Any]:
        return _beartype(function)

    def check(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return checked()(*args, **kwargs)
        except BeartypeCallHintViolation as error:
            raise ArgumentError(_message(function, str(error), args, kwargs)) from None

    return check


def _message(
    function: Callable[..., Any], report: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    """What is wrong, in one line: whose value, which, what was expected, and why it is not that."""
    where = function.__qualname__.removesuffix(".__init__")
    reason = report.partition(", as ")[2].splitlines()[:1]
    because = f" ({reason[0].rstrip('.:')})" if reason else ""
    named = re.search(r" parameter (\w+)=", report)
    if named is None:
        # jaxtyping hands the result over as a last argument by keyword.
        value, hint = kwargs[next(reversed(kwargs))], function.__annotations__["return"]
        return f"{where} returned {_short(value)}; expected {_name_of(hint)}{because}."
    name = named[1]
    signature = inspect.signature(function)
    value = signature.bind(*args, **kwargs).arguments[name]
    hint = _name_of(signature.parameters[name].annotation)
    return f"{where}: {name} is {_short(value)}; expected {hint}{because}.{_advice(value, hint)}"


def _advice(value: Any, hint: str) -> str:
    is_key = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    if is_key or not hint.startswith("Key["):
        return ""
    return " Make keys with `jax.random.key(seed)`, not with `jax.random.PRNGKey`."


def _short(value: Any) -> str:
    text = " ".join(eqx.tree_pformat(value).split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _name_of(hint: Any) -> str:
    """An annotation without the modules that its names come from."""
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    return re.sub(r"\b[a-z_]\w*(\.\w+)*\.(?=[A-Z])", "", text)
