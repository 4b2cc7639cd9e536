"""What classes of parts say of themselves: their names, their kinds, their fields and help."""

import ast
import dataclasses
import difflib
import functools
import importlib
import inspect
import itertools
import linecache
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
from jaxtyping import AbstractArray

REQUIRED = dataclasses.MISSING
_ROOMS = ("envs", "nets", "agents", "rollouts", "scores", "curricula", "runners")


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a part: the classes of parts that may stand in it, or the type of plain values.

    A field with neither is left to Python.
    """

    name: str
    kinds: tuple[type, ...]
    plain: Any
    can_be_none: bool
    default: Any


class Parts:
    """The parts that have names: those of this package, and those of a module that a user named, or
    of a composition of the user's.

    A part of a module counts if it is a name in it, so `from my_parts import Surprise` is enough.
    """

    def __init__(
        self, module: types.ModuleType | None = None, composition: eqx.Module | None = None
    ):
        self._is_file = module is not None
        own = [*vars(module).values()] if module else []
        self._own = {id(value) for value in (*own, *classes_in(composition))}
        self._of: dict[tuple[type, ...], dict[str, type]] = {}

    def of(self, kinds: tuple[type, ...]) -> dict[str, type]:
        """The classes of these kinds by name, in order. Raises `ValueError` if two share one."""
        if kinds not in self._of:
            found: dict[str, type] = {}
            for cls in self._known(kinds):
                other = found.setdefault(name_of(cls), cls)
                if other is not cls:
                    both = f"{_place(other)} and {_place(cls)}"
                    raise ValueError(f"{both} are both called '{name_of(cls)}'; rename one.")
            self._of[kinds] = dict(sorted(found.items()))
        return self._of[kinds]

    def named(self, name: str, kinds: tuple[type, ...], where: str) -> type:
        """The class of that name. Raises `ValueError`, listing what there is, if there is none."""
        imported = [cls for cls in self._imported(kinds) if name_of(cls) == name]
        if len(imported) == 1:
            return imported[0]
        known = self.of(kinds)
        if name in known:
            return known[name]
        self._check_imported_beside(name, kinds, where)
        about = nearest(name, known)
        other = next((cls for cls in self._known([eqx.Module]) if name_of(cls) == name), None)
        if other and not about:
            about = f" {name} is a part of another kind: {_kind_of(other)}."
        about += f" Known: {', '.join(known)}."
        if self._is_file:
            about += " Those of yours are the classes that your file has a name for."
        elif self._own:
            about += " Parts of yours count if the experiment has them."
        raise ValueError(f"{where}: there is no '{name}'.{about}")

    def _check_imported_beside(self, name: str, kinds: tuple[type, ...], where: str) -> None:
        """Raises `ValueError` if a module that the user's file imports has a class of that name."""
        for cls in (c for kind in kinds for c in _final_classes(kind) if self._is_file):
            module = sys.modules.get(cls.__module__)
            is_importable = not cls.__module__.startswith("minimax_eqx")
            is_importable &= getattr(module, cls.__name__, None) is cls
            if name_of(cls) == name and is_importable:
                raise ValueError(
                    f"{where}: your file has no name for '{name}', which is in a module that it "
                    f"imports: write `from {cls.__module__} import {cls.__name__}` there."
                )

    def _known(self, kinds: Iterable[type]) -> Iterator[type]:
        import_all()
        return self._imported(kinds)

    def _imported(self, kinds: Iterable[type]) -> Iterator[type]:
        for cls in dict.fromkeys(c for kind in kinds for c in _final_classes(kind)):
            if not is_own(cls) or id(cls) in self._own:
                yield cls


def classes_in(value: Any) -> Iterator[type]:
    """The classes of a part and of the parts in it."""
    if isinstance(value, eqx.Module):
        yield type(value)
        value = [getattr(value, field.name) for field in fields_of(type(value))]
    for item in value if isinstance(value, tuple | list) else ():
        yield from classes_in(item)


def is_own(cls: type) -> bool:
    """Whether a class is a user's, and not of this package."""
    return cls.__module__.split(".")[0] != "minimax_eqx"


@functools.cache
def import_all() -> None:
    """Imports the modules with parts that nobody has used so far."""
    for room in _ROOMS:
        package = importlib.import_module(f"minimax_eqx.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


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
        raise ValueError(f"The types of {_place(cls)}'s fields cannot be read: {error}") from error
    return tuple(_field(f, hints[f.name]) for f in dataclasses.fields(cls) if f.init)


@functools.cache
def help_of(cls: type) -> dict[str, str]:
    """The sentence that stands under each field of a class, or of one that it derives from."""
    found: dict[str, str] = {}
    for base in filter(dataclasses.is_dataclass, reversed(cls.__mro__)):
        for pair in itertools.pairwise(_fields_in_source(base)):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                    value=ast.Constant(value=str(text))
                ):
                    found[name] = " ".join(text.split())
    return found


def _fields_in_source(cls: Any) -> list[ast.stmt]:
    """The statements of a class at the top of a module, up to its first method: to parse the whole
    file takes longer than to import it."""
    file = getattr(sys.modules[cls.__module__], "__file__", None) or ""
    lines = linecache.getlines(file)
    header = re.compile(rf"class {cls.__name__}\b")
    start = next((i for i, line in enumerate(lines) if header.match(line)), len(lines))
    ends = ("    def ", "    @", "class ", "def ", "@")
    body = list(itertools.takewhile(lambda line: not line.startswith(ends), lines[start + 1 :]))
    try:
        [tree] = ast.parse("".join([*lines[start : start + 1], *body])).body[:1]
    except (SyntaxError, ValueError):
        return []
    return tree.body if isinstance(tree, ast.ClassDef) else []


def _field(field: "dataclasses.Field[Any]", hint: Any) -> Field:
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    kinds = tuple(kind for option in options for kind in _kinds_in(option))
    # Arrays are what numbers are in a runner; nobody writes them.
    plain = [o for o in options if o is not type(None) and _is_plain(o)] if not kinds else []
    made = field.default_factory
    return Field(
        name=field.name,
        kinds=kinds,
        plain=typing.Union[tuple(plain)] if plain else None,  # noqa: UP007
        can_be_none=type(None) in options,
        default=field.default if made is dataclasses.MISSING else made(),
    )


def _kinds_in(hint: Any) -> list[type]:
    """The classes of parts that a type speaks of: `tuple[AbstractScore[Any, Any], ...]`, say."""
    origin = typing.get_origin(hint) or hint
    if origin is tuple or _is_union(hint):
        return [kind for inner in typing.get_args(hint) for kind in _kinds_in(inner)]
    is_array = inspect.isclass(origin) and issubclass(origin, AbstractArray | jax.Array)
    is_part = inspect.isclass(origin) and issubclass(origin, eqx.Module) and not is_array
    return [origin] if is_part else []


def _is_plain(hint: Any) -> bool:
    if typing.get_origin(hint) is tuple or _is_union(hint):
        return all(_is_plain(inner) for inner in typing.get_args(hint) if inner is not ...)
    return hint in (int, float, bool, str) or typing.get_origin(hint) is typing.Literal


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _final_classes(kind: type) -> Iterator[type]:
    if not (kind.__name__.startswith(("Abstract", "_")) or inspect.isabstract(kind)):
        yield kind
    for cls in kind.__subclasses__():
        yield from _final_classes(cls)


def _kind_of(cls: type) -> str:
    """The abstract class that a part is of, the one that is above all others, in plain words."""
    while cls.__base__ and cls.__base__.__name__.startswith("Abstract"):
        cls = cls.__base__
    return name_of(cls).removeprefix("abstract-").replace("-", " ")


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
