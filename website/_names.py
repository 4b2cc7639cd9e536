"""The public names of the package, read off its stubs without importing it."""

import ast
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import griffe

PACKAGE = "minimax_eqx"


@dataclasses.dataclass(frozen=True)
class Name:
    """Something that a user types: a class, a function or a plain value."""

    room: str
    """The module that shows it, without the package's name; empty for the package itself."""
    name: str
    thing: Any
    """What griffe knows of it."""

    @property
    def path(self) -> str:
        return ".".join(filter(None, (PACKAGE, self.room, self.name)))

    @property
    def is_class(self) -> bool:
        return self.thing.kind is griffe.Kind.CLASS

    @property
    def doc(self) -> str:
        return docstring_of(self.thing)


@dataclasses.dataclass(frozen=True)
class Room:
    """A module with public names."""

    name: str
    doc: str
    names: tuple[Name, ...]

    @property
    def page(self) -> str:
        return f"reference/{self.name or PACKAGE}.md"


def docstring_of(thing: Any) -> str:
    """The docstring without its indentation; empty if there is none."""
    return thing.docstring.value if thing.docstring else ""


def load(root: pathlib.Path) -> Any:
    """The package as griffe reads it: nothing of it is imported."""
    return griffe.load(PACKAGE, search_paths=[root])


def rooms_of(package: Any, root: pathlib.Path) -> list[Room]:
    """All public modules, in the order of their names, the package itself first."""
    found = []
    for file in sorted((root / PACKAGE).rglob("*.py")):
        parts = file.relative_to(root / PACKAGE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if any(part.startswith("_") for part in parts) or "cli" in parts:
            continue
        room, stub = ".".join(parts), file.with_suffix(".pyi")
        module = package[room] if room else package
        names = (
            _in_stub(package, room, stub) if stub.exists() else _in_module(package, module, room)
        )
        if names:
            found.append(Room(room, docstring_of(module), tuple(names)))
    return found


def _in_stub(package: Any, room: str, stub: pathlib.Path) -> list[Name]:
    """The names that a stub takes from modules; packages within are rooms of their own."""
    found = []
    for line in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.ImportFrom) and line.module:
            base = room.split(".") if room else []
            base = base[: len(base) - line.level + 1]
            for alias in line.names:
                if alias.asname:
                    thing = package[".".join([*base, line.module, alias.name])]
                    found.append(Name(room, alias.name, thing))
    return found


def _in_module(package: Any, module: Any, room: str) -> list[Name]:
    """What a public module without a stub shows: its `__all__`, or what it defines."""
    if module.is_init_module:
        return []
    if "__all__" in module.members:
        names = ast.literal_eval(str(module.members["__all__"].value))
        return [Name(room, name, _itself(module.members[name])) for name in names]
    found = []
    for name, member in module.members.items():
        if name.startswith("_") or member.is_alias:
            continue
        thing = _method_of_value(package, module, member) or member
        if thing.kind in (griffe.Kind.CLASS, griffe.Kind.FUNCTION):
            found.append(Name(room, name, thing))
    return found


def _method_of_value(package: Any, module: Any, member: Any) -> Any:
    """The method that a line such as `accel = _METHODS.accel` gives a name."""
    value = getattr(member, "value", None)
    if not isinstance(value, griffe.ExprAttribute) or len(value.values) != 2:
        return None
    made = module.members.get(str(value.first))
    if made is None or not isinstance(getattr(made, "value", None), griffe.ExprCall):
        return None
    cls = package[made.value.function.canonical_path.removeprefix(f"{PACKAGE}.")]
    return _itself(cls).members[str(value.last)]


def _itself(member: Any) -> Any:
    """What a name stands for, where a module has it from another."""
    return member.final_target if member.is_alias else member


def without_docstring(rooms: Iterable[Room]) -> list[str]:
    """A line for each public name, abstract method or field that does not say what it is."""
    found = []
    for name in (name for room in rooms for name in room.names):
        members = name.thing.members.values() if name.is_class else ()
        silent = [
            member.name
            for member in members
            if not member.is_alias
            and not member.name.startswith("_")
            and ("abstractmethod" in member.labels or is_field(member))
            and not docstring_of(member)
        ]
        paths = [name.path] * (not name.doc) + [f"{name.path}.{member}" for member in silent]
        found += [f"{path} has no docstring." for path in paths]
    return found


def kinds_of(package: Any) -> dict[str, dict[str, str]]:
    """The final classes that derive from each abstract one, with their docstrings, by name."""
    found: dict[str, dict[str, str]] = {}
    for cls in sorted(_classes(package), key=lambda cls: cls.name):
        if not cls.name.startswith(("_", "Abstract")):
            for base in cls.mro():
                found.setdefault(base.name, {})[cls.name] = docstring_of(cls)
    return found


def _classes(module: Any) -> Iterator[Any]:
    for member in module.members.values():
        if not member.is_alias and member.kind is griffe.Kind.CLASS:
            yield member
        elif not member.is_alias and member.kind is griffe.Kind.MODULE:
            yield from _classes(member)


class Index:
    """Where each public name is described."""

    def __init__(self, rooms: list[Room]):
        self._where: dict[str, str | None] = {}
        for room in rooms:
            for name in room.names:
                self._add(room, name)

    def _add(self, room: Room, name: Name) -> None:
        address = f"{room.page}#{name.path}"
        short = name.path.removeprefix(f"{PACKAGE}.")
        known = {name.path, f"mx.{short}"}
        known |= {short, f"{room.name.split('.')[-1]}.{name.name}"} if room.name else set()
        # A bare name of one word in small letters is as likely to be an option or a metric.
        if name.is_class or ("_" in name.name and not room.name.startswith("recipes")):
            known.add(name.name)
        members: dict[str, str] = {}
        if name.is_class:
            for member, thing in name.thing.all_members.items():
                if not member.startswith("_"):
                    has_anchor = is_method(thing) and is_shown(thing)
                    members[member] = f"{address}.{member}" if has_anchor else address
        for path in known:
            self._set(path, address)
            for member, where in members.items():
                self._set(f"{path}.{member}", where)

    def _set(self, path: str, address: str) -> None:
        known = self._where.setdefault(path, address)
        if known != address:
            self._where[path] = None  # two things have this name

    def address(self, path: str) -> str | None:
        """The page and anchor of what a piece of code names, if it names one thing."""
        return self._where.get(path)


def is_field(member: Any) -> bool:
    """Whether a member of a class is a field with a type, and no property."""
    is_attribute = member.kind is griffe.Kind.ATTRIBUTE and "property" not in member.labels
    return is_attribute and member.annotation is not None


def is_method(member: Any) -> bool:
    """Whether a member of a class is a method or a property, and no field."""
    return member.kind is griffe.Kind.FUNCTION or "property" in member.labels


def is_shown(member: Any) -> bool:
    """Whether the page of a class describes a method: the class itself says what it does."""
    is_public = not member.name.startswith("_") or member.name == "__call__"
    return is_public and not member.is_alias and bool(docstring_of(member))
