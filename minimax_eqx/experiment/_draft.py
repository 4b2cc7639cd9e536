"""A composition that is changed by names: parts are chosen, fields are set, and all is made.

Nothing is checked on the way, since two fields may be right together only.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx

from ._parts import REQUIRED, Field, Parts, fields_of, name_of, nearest

NONE = "none"


@dataclasses.dataclass(eq=False)
class Draft:
    """A part that is not made yet: its class, and what its fields are to be."""

    cls: type
    values: dict[str, Any]
    made: eqx.Module | None = None


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


def draft_of(part: eqx.Module) -> Draft:
    """The draft of a part as it is."""
    fields = [field.name for field in fields_of(type(part))]
    return Draft(type(part), {name: _drafted(getattr(part, name)) for name in fields}, part)


def made(draft: Draft, name: Callable[[str], str] = str, path: str = "") -> Any:
    """The part that a draft describes; what nobody changed is the part that it was.

    `name` says how a field of some path is called. Raises `ValueError` for a field that has no
    value, and whatever the parts raise.
    """
    values = {
        field: made(value, name, f"{path}{field}.") if isinstance(value, Draft) else value
        for field, value in draft.values.items()
    }
    for field, value in values.items():
        if value is REQUIRED:
            raise ValueError(f"{name(path + field)} is missing: {draft.cls.__name__} needs one.")
    if draft.made and all(getattr(draft.made, field) is v for field, v in values.items()):
        return draft.made
    return draft.cls(**values)


def options_of(draft: Draft, parts: Parts, path: str = "") -> Iterator[Option]:
    """All fields that can be given by name, those of a part after those that are its neighbours."""
    for field in fields_of(draft.cls):
        value = draft.values[field.name]
        has_a_choice = field.can_be_none or value is REQUIRED or len(parts.of(field.kinds)) > 1
        is_several = isinstance(value, tuple)
        if field.plain is not None or (field.kinds and has_a_choice and not is_several):
            yield Option(f"{path}{field.name}", field, draft)
    for name, value in draft.values.items():
        if isinstance(value, Draft):
            yield from options_of(value, parts, f"{path}{name}.")


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


def choose(draft: Draft, given: Iterable[Given], parts: Parts) -> list[tuple[Option, Given]]:
    """Changes the parts of a draft to those that were chosen by name.

    Returns what was given for plain fields, with the options it is for. A part of another class
    than before begins with its own defaults, and a part of the same class stays as it was. Raises
    `ValueError` for a name that means no option, or several.
    """
    open_ = list(given)
    while True:
        options = list(options_of(draft, parts))
        open_ = [_without_no(g, options) for g in open_]
        found = [(m[0], g) for g in open_ if len(m := matching(g.name, options)) == 1]
        found = [(option, g) for option, g in found if _is_choice(option, g, parts)]
        if not found:
            open_ = [given for given in open_ if not _is_there(given, draft)]
            return [(_the_one(given, options, parts), given) for given in open_]
        # What is further out decides which parts there are further in.
        option, chosen = min(found, key=lambda pair: pair[0].path.count("."))
        option.draft.values[option.field.name] = _chosen(option, chosen, parts)
        open_.remove(chosen)


def differences(draft: Draft, before: Draft, parts: Parts) -> dict[str, Any]:
    """What a draft has that an earlier one, or the default of a new part, has not; by name."""
    options = list(options_of(draft, parts))
    others = {option.path: option for option in options_of(before, parts)}
    found = {}
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


def _is_there(given: Given, draft: Draft) -> bool:
    """Whether what is given, where nothing else could be, is there."""
    found: Any = draft
    for name in given.name.replace("-", "_").split("."):
        found = found.values.get(name) if isinstance(found, Draft) else None
    return given.words == ((plain(found),) if isinstance(found, Draft) else found)


def _without_no(given: Given, options: Sequence[Option]) -> Given:
    """`--no-see-agent` as `--see-agent false`."""
    above, dot, last = given.name.rpartition(".")
    if given.words or last[:3] not in ("no-", "no_") or matching(given.name, options):
        return given
    return Given(f"{above}{dot}{last[3:]}", ("false",), given.place)


def _is_choice(option: Option, given: Given, parts: Parts) -> bool:
    names = parts.of(option.field.kinds)
    return bool(names) and (option.field.plain is None or not names.keys().isdisjoint(given.words))


def _chosen(option: Option, given: Given, parts: Parts) -> Draft | None:
    if len(given.words) != 1:
        known = ", ".join(parts.of(option.field.kinds))
        raise ValueError(f"{given.place} takes the name of one part. Known: {known}.")
    [name] = given.words
    before = option.value
    if name == NONE and option.field.can_be_none:
        return None
    cls = parts.named(name, option.field.kinds, given.place)
    if isinstance(before, Draft) and before.cls is cls:
        return before
    old = before.values if isinstance(before, Draft) else {}
    return Draft(cls, {field.name: _first_value(field, old) for field in fields_of(cls)})


def _first_value(field: Field, old: Mapping[str, Any]) -> Any:
    """The default of a field of a part that was just chosen. Without one it takes what the part
    before it had in a field of that name: a curriculum its generator, say."""
    value = old.get(field.name, REQUIRED)
    if field.default is not REQUIRED or (isinstance(value, Draft) != bool(field.kinds)):
        return _drafted(field.default)
    fits = not isinstance(value, Draft) or issubclass(value.cls, field.kinds)
    return value if fits else REQUIRED


def _the_one(given: Given, options: Sequence[Option], parts: Parts) -> Option:
    found = matching(given.name, options)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(flag(short_name(option, options)) for option in found)
        raise ValueError(f"{given.place} may mean {names}; say which.")
    last = given.name.replace("-", "_").rpartition(".")[2]
    chains = [_choices_that_have(last, option, options, parts) for option in options]
    if any(chains):
        chain = min(filter(None, chains), key=len)
        chosen = " ".join(f"{flag(name)} {part}" for name, part in chain)
        raise ValueError(
            f"{given.place} is an option of {chain[-1][1]}, which is not chosen here: {chosen}"
        )
    names = [flag(short_name(option, options)) for option in options]
    raise ValueError(f"{given.place}: there is no such option.{nearest(flag(last), names)}")


def _choices_that_have(
    field: str, option: Option, options: Sequence[Option], parts: Parts
) -> list[tuple[str, str]]:
    """The fewest choices of parts, from this option on, of which the last has a field of a name."""
    waiting = deque([([], short_name(option, options), option.field)])
    seen = {option.value.cls} if isinstance(option.value, Draft) else set()
    while waiting:
        chain, name, choice = waiting.popleft()
        for part, cls in parts.of(choice.kinds).items():
            if cls in seen:
                continue
            seen.add(cls)
            fields: Mapping[str, Field] = {f.name: f for f in fields_of(cls)}
            if field in fields:
                return [*chain, (name, part)]
            waiting.extend(([*chain, (name, part)], n, f) for n, f in fields.items() if f.kinds)
    return []


def flag(name: str) -> str:
    """The option of a name as it is typed."""
    return f"--{name.replace('_', '-')}"
