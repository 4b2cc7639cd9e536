"""What classes of parts say of themselves: their names, their kinds, their fields and help."""

import ast
import dataclasses
import difflib
import functools
import inspect
import itertools
import re
import sys
import types
import typing
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import AbstractArray

REQUIRED = dataclasses.MISSING
_PLAIN = (int, float, bool, str, type(None))


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a part.

    `kinds` are the classes of the parts that may stand in it, `plain` is the type of the plain
    values that may. Either can be missing, and a field with neither is left to Python.
    """

    name: str
    kinds: tuple[type, ...]
    plain: Any
    can_be_none: bool
    default: Any


class Parts:
    """The parts that have names: those of this package, and those of a module that a user named.

    A part of a module counts if it is a name in it, so `from my_parts import Surprise` is enough.
    """

    def __init__(self, module: types.ModuleType | None = None):
        self.module = module
        own = vars(module).values() if module else ()
        self._own = {id(value) for value in own if inspect.isclass(value)}
        self._of: dict[tuple[type, ...], dict[str, type]] = {}

    def of(self, kinds: tuple[type, ...]) -> dict[str, type]:
        """The classes of these kinds by their names. Raises `ValueError` if two share a name."""
        if kinds in self._of:
            return self._of[kinds]
        found: dict[str, type] = {}
        for cls in self._classes(kinds):
            other = found.setdefault(name_of(cls), cls)
            if other is not cls:
                raise ValueError(
                    f"{_place(other)} and {_place(cls)} would both be called '{name_of(cls)}'; "
                    "rename one."
                )
        self._of[kinds] = found
        return found

    def named(self, name: str, kinds: tuple[type, ...], where: str) -> type:
        """The class of that name. Raises `ValueError`, listing what there is, if there is none."""
        known = self.of(kinds)
        if name in known:
            return known[name]
        others = {name_of(cls): cls for cls in self._classes([eqx.Module])}
        about = nearest(name, known) or (_is_a(others[name]) if name in others else "")
        raise ValueError(f"{where}: there is no '{name}'.{about} Known: {', '.join(known)}.")

    def _classes(self, kinds: Iterable[type]) -> Iterable[type]:
        return (
            cls
            for cls in dict.fromkeys(c for kind in kinds for c in _final_classes(kind))
            if cls.__module__.split(".")[0] == "minimax_eqx" or id(cls) in self._own
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that asks whether another name was meant; empty if none is like this one."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def name_of(cls: type) -> str:
    """A class as an option names it: `MaxMC` is `max-mc`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()


@functools.cache
def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields that a part is made with. Raises `ValueError` if their types cannot be read."""
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:
        raise ValueError(
            f"{_place(cls)}: the types of its fields cannot be read: {error}"
        ) from error
    return tuple(
        Field(f.name, *_what_may_stand_in(hints[f.name]), _default(f))
        for f in dataclasses.fields(cls)
        if f.init
    )


@functools.cache
def help_of(cls: type) -> dict[str, str]:
    """The sentence that stands under each field of a class."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for pair in itertools.pairwise(_classes(base.__module__).get(base.__qualname__, [])):
            match pair:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = " ".join(text.split())
    return found


@functools.cache
def _classes(module: str) -> dict[str, list[ast.stmt]]:
    """The bodies of the classes at the top of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return {}
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def _what_may_stand_in(hint: Any) -> tuple[tuple[type, ...], Any, bool]:
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    # In a runner numbers are arrays; written they are numbers.
    options = [o for o in options if not (inspect.isclass(o) and _is_array(o))]
    kinds = [kind for option in options for kind in _kinds_in(option)]
    plain = [option for option in options if option is not type(None) and _is_plain(option)]
    return tuple(kinds), typing.Union[tuple(plain)] if plain else None, type(None) in options  # noqa: UP007


def _kinds_in(hint: Any) -> list[type]:
    """The classes of parts that a type speaks of: `tuple[AbstractScore[Any, Any], ...]`, say."""
    origin = typing.get_origin(hint) or hint
    if inspect.isclass(origin) and issubclass(origin, eqx.Module):
        return [origin]
    is_several = origin is tuple or _is_union(hint)
    return [k for a in typing.get_args(hint) for k in _kinds_in(a)] if is_several else []


def _is_plain(hint: Any) -> bool:
    if typing.get_origin(hint) is tuple or _is_union(hint):
        return all(_is_plain(a) for a in typing.get_args(hint) if a is not ...)
    return hint in _PLAIN or typing.get_origin(hint) is typing.Literal


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is_array(cls: type) -> bool:
    return issubclass(cls, AbstractArray | jax.Array)


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is dataclasses.MISSING:
        return field.default
    return field.default_factory()


def _final_classes(kind: type) -> Iterable[type]:
    if not (kind.__name__.startswith(("Abstract", "_")) or inspect.isabstract(kind)):
        yield kind
    for cls in kind.__subclasses__():
        yield from _final_classes(cls)


def _is_a(cls: type) -> str:
    """The sentence that says of which kind a part is."""
    kind = next((b for b in cls.__mro__ if b.__name__.startswith("Abstract")), cls)
    return f" {name_of(cls)} is a {name_of(kind).removeprefix('abstract-').replace('-', ' ')}."


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
