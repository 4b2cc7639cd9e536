"""What is said about a value of the wrong type or shape: one line, with whose it is and why."""

import inspect
import pathlib
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import AnnotationError, TypeCheckError

MOST_CHARACTERS = 120


class ArgumentError(TypeCheckError, AnnotationError):
    """A value of another type, dtype or shape than the function that was called declares.

    An `AnnotationError`, because jaxtyping passes those on as they are. Others it puts into a
    report with every argument of the call, which is several screens of a network's weights.
    """


def argument_error(
    function: Callable[..., Any], report: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ArgumentError:
    """The error for a call that beartype's `report` is about."""
    return ArgumentError(_message(function, report, args, kwargs))


def _message(
    function: Callable[..., Any], report: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    owner = _owner(function, args)
    # A method is named after the class of its object, which may be a user's that inherits it.
    name = f"{type(args[0]).__name__}.{function.__name__}" if owner else function.__qualname__
    where = name.removesuffix(".__init__")
    reason = report.partition(" violates type hint ")[2].partition(", as ")[2].splitlines()[:1]
    # Of a value that prints itself over several lines this is half a sentence.
    whole = reason and reason[0].count('"') % 2 == 0
    because = f" ({reason[0].rstrip('.:')})" if whole else ""
    named = re.search(r" parameter (\w+)=", report)
    if named is None:
        # jaxtyping hands the result over as a last argument by keyword.
        value, hint = kwargs[next(reversed(kwargs))], function.__annotations__["return"]
        said = f"{where} returned {_short(value)}; expected {_name_of(hint)}{because}."
        return said + _filled_in(owner, args)
    name = named[1]
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    value = bound.arguments[name]
    hint = _name_of(signature.parameters[name].annotation)
    return f"{where}: {name} is {_short(value)}; expected {hint}{because}.{_advice(value, hint)}"


def _owner(function: Callable[..., Any], args: tuple[Any, ...]) -> type | None:
    """The class in which a method is written; None for a function that is no method."""
    name = function.__qualname__.rpartition(".")[0]
    classes = type(args[0]).__mro__ if args else ()
    return next((cls for cls in classes if cls.__qualname__ == name), None)


def _filled_in(owner: type | None, args: tuple[Any, ...]) -> str:
    """Where the methods are that a class wrote for an inherited one to call. They may be a user's,
    whose own types nobody checks, and then the mistake is in one of them."""
    if owner is None or not inspect.isabstract(owner):
        return ""
    places = [
        f"{code.co_qualname} ({pathlib.Path(code.co_filename).name}, line {code.co_firstlineno})"
        for cls in type(args[0]).__mro__
        if not inspect.isabstract(cls)
        for name in sorted(owner.__abstractmethods__ & vars(cls).keys())
        if (code := getattr(inspect.unwrap(vars(cls)[name]), "__code__", None))
    ]
    return f" See {' and '.join(places)}." if places else ""


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
