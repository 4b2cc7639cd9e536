"""A composition that is changed by names: parts are chosen, fields are set, and all is made.

Nothing is checked on the way, since two fields may be right together only.
"""

import dataclasses
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import equinox as eqx

from ._parts import REQUIRED, Field, Parts, fields_of, name_of, nearest

Part = TypeVar("Part", bound=eqx.Module)
NONE = "none"


@dataclasses.dataclass(eq=False)
class Draft:
    """A part that is not made yet: its class, what its fields are to be, and what it was."""

    cls: type
    values: dict[str, Any]
    part: Any = None


@dataclasses.dataclass(frozen=True)
class Given:
    """What somebody wrote: a name, the words after it, and the place where it stands."""

    name: str
    words: tuple[str, ...]
    place: str


@dataclasses.dataclass(frozen=True)
class Option:
    """A field that can be given by name, with the draft that it belongs to."""

    path: str
    field: Field
    draft: Draft

    @property
    def value(self) -> Any:
        """What the field is to be."""
        return self.draft.values[self.field.name]


def draft_of(part: Any) -> Draft:
    """The draft of a part, or of another dataclass, as it is."""
    names = [field.name for field in fields_of(type(part))]
    return Draft(type(part), {name: _drafted(getattr(part, name)) for name in names}, part)


def made(draft: Draft) -> Any:
    """The part that a draft describes; what nobody changed is the part that it was.

    Raises `ValueError` for a field that has no value, and whatever the parts raise.
    """
    values = {n: made(v) if isinstance(v, Draft) else v for n, v in draft.values.items()}
    missing = [flag(name) for name, value in values.items() if value is REQUIRED]
    if missing:
        raise ValueError(f"{draft.cls.__name__} needs {', '.join(missing)}.")
    if draft.part is not None and all(getattr(draft.part, n) is v for n, v in values.items()):
        return draft.part
    return draft.cls(**values)


def options_of(draft: Draft, path: str = "") -> Iterator[Option]:
    """All fields that can be given by name, those of a part after those that are its neighbours."""
    for field in fields_of(draft.cls):
        value = draft.values[field.name]
        # A class that nothing else could replace is no choice, and several parts have no name.
        is_one = isinstance(value, Draft) and field.kinds == (value.cls,) and not field.can_be_none
        if field.plain is not None or (field.kinds and not is_one and type(value) is not tuple):
            yield Option(f"{path}{field.name}", field, draft)
    for name, value in draft.values.items():
        if isinstance(value, Draft):
            yield from options_of(value, f"{path}{name}.")


def matching(name: str, options: Iterable[Option]) -> list[Option]:
    """The options that a name may mean: the one with this path, or else those whose path ends with
    its last part and has the others on the way, in order."""
    *above, last = name.replace("-", "_").split(".")
    found = []
    for option in options:
        *way, end = option.path.split(".")
        if end == last and way == above:
            return [option]
        rest = iter(way)
        if end == last and all(part in rest for part in above):
            found.append(option)
    return found


def short_name(option: Option, options: Sequence[Option]) -> str:
    """The shortest name that means this option and no other."""
    *above, last = option.path.split(".")
    names = [last, *(f"{part}.{last}" for part in reversed(above))]
    return next((n for n in names if matching(n, options) == [option]), option.path)


def flag(name: str) -> str:
    """A name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def choose(
    drafts: Sequence[Draft], given: Iterable[Given], parts: Parts
) -> list[tuple[Option, Given]]:
    """Changes the parts of drafts to those that were chosen by name.

    Returns what was given for plain fields, with the options it is for. A part of another class
    than before begins with its own defaults, and a part of the same class stays as it was. Raises
    `ValueError` for a name that means no option, or several.
    """
    waiting = list(given)
    while True:
        options = [option for draft in drafts for option in options_of(draft)]
        waiting = [_without_no(g, options) for g in waiting]
        new = [g for g in waiting if not any(_is_there(g, draft) for draft in drafts)]
        found = [(m[0], g) for g in new if len(m := matching(g.name, options)) == 1]
        found = [(option, g) for option, g in found if option.field.kinds]
        if not found:
            return [(_the_one(g, options, parts), g) for g in new]
        # What is further out decides which parts there are further in.
        option, chosen = min(found, key=lambda pair: pair[0].path.count("."))
        option.draft.values[option.field.name] = _chosen(option, chosen, parts)
        waiting.remove(chosen)


def with_changes(part: Part, changes: Mapping[str, Any]) -> Part:
    """A composition with other values, or parts, for fields of these short names, one by one; two
    underscores in a name stand for a dot. A part may be given by its name, as in `"max-mc"`.

    Raises `ValueError` for a name that means no option, or several.
    """
    if not changes:
        return part
    draft, parts = draft_of(part), Parts()
    for name, value in changes.items():
        given = Given(name.replace("__", "."), (), name)
        option = _the_one(given, list(options_of(draft)), parts)
        by_name = bool(option.field.kinds) and isinstance(value, str)
        new = _chosen(option, Given(given.name, (value,), name), parts) if by_name else value
        option.draft.values[option.field.name] = _drafted(new)
    return made(draft)


def differences(draft: Draft, before: Draft) -> dict[str, Any]:
    """What a draft has that an earlier one, or the default of a new part, has not; by name."""
    options, found = list(options_of(draft)), {}
    others = {option.path: option for option in options_of(before)}
    for option in options:
        other, default = others.get(option.path), _drafted(option.field.default)
        if other and (other.draft.cls is option.draft.cls or default is REQUIRED):
            default = other.value
        if plain(option.value) != plain(default):
            found[short_name(option, options)] = plain(option.value)
    return found


def plain(value: Any) -> Any:
    """A value as it is written, which is the name of a part."""
    return name_of(value.cls) if isinstance(value, Draft) else value


def _drafted(value: Any) -> Any:
    return draft_of(value) if isinstance(value, eqx.Module) else value


def _without_no(given: Given, options: Sequence[Option]) -> Given:
    """`--no-see-agent` as `--see-agent false`."""
    above, dot, last = given.name.rpartition(".")
    if given.words or last[:3] not in ("no-", "no_") or matching(given.name, options):
        return given
    return Given(f"{above}{dot}{last[3:]}", ("false",), given.place)


def _is_there(given: Given, draft: Draft) -> bool:
    """Whether the part that is given for a whole path stands there, where perhaps none else can."""
    found: Any = draft
    for name in given.name.replace("-", "_").split("."):
        found = found.values.get(name) if isinstance(found, Draft) else None
    return given.words == ((plain(found),) if isinstance(found, Draft) else found)


def check_is_switch(option: Option, given: Given, wanted: str) -> None:
    """Raises `ValueError`, with what the option takes, if it was turned off, and is no switch."""
    if given.words == ("false",) and re.search(r"(^--|\.)no[-_]", given.place):
        name = flag(given.name)
        remedy = f"use {name} {NONE}" if option.field.can_be_none else f"{name} takes {wanted}"
        raise ValueError(f"{given.place}: only a switch is turned off like this; {remedy}.")


def _chosen(option: Option, given: Given, parts: Parts) -> Draft | None:
    known = ", ".join([*parts.of(option.field.kinds), *([NONE] * option.field.can_be_none)])
    check_is_switch(option, given, f"one of {known}")
    if len(given.words) != 1:
        raise ValueError(f"{given.place} takes the name of one part. Known: {known}.")
    if given.words == (NONE,) and option.field.can_be_none:
        return None
    cls = parts.named(given.words[0], option.field.kinds, given.place)
    before = option.value if isinstance(option.value, Draft) else Draft(cls, {})
    if before.cls is cls and before.values:
        return before
    return Draft(cls, {field.name: _first_value(field, before.values) for field in fields_of(cls)})


def _first_value(field: Field, before: Mapping[str, Any]) -> Any:
    """The default of a field of a part that was just chosen. Without one it takes what the part
    before it had in a field of that name: a curriculum its generator, say."""
    value = before.get(field.name)
    fits = issubclass(value.cls, field.kinds) if isinstance(value, Draft) else not field.kinds
    if field.default is REQUIRED and value is not None and fits:
        return value
    return _drafted(field.default)


def _the_one(given: Given, options: Sequence[Option], parts: Parts) -> Option:
    found = matching(given.name, options)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(_spelled(short_name(option, options), given) for option in found)
        raise ValueError(f"{given.place} may mean {names}; say which.")
    last = given.name.replace("-", "_").rpartition(".")[2]
    chains = [_choices_with(last, option, short_name(option, options), parts) for option in options]
    chain = min(filter(None, chains), key=len, default=None)
    if chain:
        chosen = " ".join(f"{_spelled(name, given)} {part}" for name, part in chain)
        raise ValueError(f"{given.place} is an option of a part that is not chosen here: {chosen}")
    names = [_spelled(short_name(option, options), given) for option in options]
    about = nearest(_spelled(last, given), names)
    raise ValueError(f"{given.place}: there is no such option.{about}")


def _spelled(name: str, given: Given) -> str:
    """A name as one gives it where this was given: in Python it is an argument's."""
    return name.replace(".", "__") if given.place.isidentifier() else flag(name)


def _choices_with(field: str, option: Option, name: str, parts: Parts) -> list[tuple[str, str]]:
    """The fewest choices of parts, from this option on, of which the last has a field of a name."""
    waiting = deque([([], name, option.field)])
    seen = {option.value.cls} if isinstance(option.value, Draft) else set()
    while waiting:
        chain, name, choice = waiting.popleft()
        known = {part: cls for part, cls in parts.of(choice.kinds).items() if cls not in seen}
        seen.update(known.values())
        owners = [p for p, cls in known.items() if any(f.name == field for f in fields_of(cls))]
        # What a part has by default comes with it.
        if chain and any(type(choice.default) is known[part] for part in owners):
            return chain
        if owners:
            others = f" (or {', '.join(owners[1:])})" if owners[1:] else ""
            return [*chain, (name, f"{owners[0]}{others}")]
        for part, cls in known.items():
            link = [] if chain and type(choice.default) is cls else [(name, part)]
            waiting.extend(([*chain, *link], f.name, f) for f in fields_of(cls) if f.kinds)
    return []
