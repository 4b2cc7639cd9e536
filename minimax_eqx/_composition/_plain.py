"""A composition as plain data that JSON can hold, and back.

Names in such data are looked up among classes that are there already. Nothing is ever imported for
them, so a file of data cannot make this program run code.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import equinox as eqx

from ._parts import Field, Parts, fields_of, name_of

Part = TypeVar("Part", bound=eqx.Module)
CLASS = "class"


def to_plain(part: eqx.Module, where: str = "") -> dict[str, Any]:
    """A part as nested dictionaries: its class by name, and each of its fields.

    Raises `ValueError`, naming the field, for a value that is neither a number, a word or a part,
    nor a tuple of those. `where` is what stands before the field's name then.
    """
    values = {f.name: getattr(part, f.name) for f in fields_of(type(part))}
    plain = {name: plain_value(value, f"{where}{name}") for name, value in values.items()}
    return {CLASS: name_of(type(part)), **plain}


def from_plain(data: Any, kind: type[Part], parts: Parts) -> Part:
    """The inverse of `to_plain`, for a part of this kind. Imports nothing.

    Raises `ValueError`, naming the field, for a class that is not among `parts` or of another kind,
    for fields that are missing or unknown, and what the parts themselves raise.
    """
    return _part(data, (kind,), parts, "")


def plain_value(value: Any, where: str) -> Any:
    """The value of a field as `to_plain` has it. Raises `ValueError`, naming `where` it is, for one
    that data cannot hold."""
    if isinstance(value, eqx.Module):
        return to_plain(value, f"{where}.")
    if isinstance(value, tuple | list):
        return [plain_value(v, f"{where}.{i}") for i, v in enumerate(value)]
    if value is None or type(value) in (int, float, bool, str):
        return value
    raise ValueError(
        f"{where} is of type {type(value).__name__}; a run's folder can keep numbers, words, parts "
        "and tuples of those. Put it into a part of your own."
    )


def _part(data: Any, kinds: tuple[type, ...], parts: Parts, where: str) -> Any:
    place = where or "The composition"
    if not (isinstance(data, Mapping) and isinstance(data.get(CLASS), str)):
        raise ValueError(f"{place} is {data!r:.80}; it must be a part, with its class by name.")
    cls = parts.named(data[CLASS], kinds, place)
    fields = {field.name: field for field in fields_of(cls)}
    given = set(data) - {CLASS}
    for what, names in (("no", given - set(fields)), ("nothing for", set(fields) - given)):
        if names:
            raise ValueError(f"{place}: {cls.__name__} has {what} {', '.join(sorted(names))}.")
    values = {
        name: _value(data[name], field, parts, f"{where}{'.' if where else ''}{name}")
        for name, field in fields.items()
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{place}: {error}") from error


def _value(data: Any, field: Field, parts: Parts, where: str) -> Any:
    if isinstance(data, list):
        return tuple(_value(item, field, parts, f"{where}.{i}") for i, item in enumerate(data))
    is_missing = data is None and field.can_be_none
    if isinstance(data, Mapping) or not (is_missing or field.plain):
        return _part(data, field.kinds, parts, where)
    return data
