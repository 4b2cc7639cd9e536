"""What data says of a part that had fewer fields when the data was written.

A field that is not named there has its default, since a new field's default means "as before".
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx

from ._parts import REQUIRED, Field, Parts, fields_of
from ._plain import CLASS, plain_value


def completed(data: Any, kind: type, parts: Parts) -> tuple[Any, dict[str, Any]]:
    """The data of a part of this kind with the defaults that it does not name, and these by path.

    What is no part, or none of `parts`, stays as it is, and so do fields that the part has not: to
    refuse them is the business of `from_plain`.
    """
    found: dict[str, Any] = {}
    return _completed(data, (kind,), parts, "", found), found


def flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """The values in nested data by their paths; a part in a tuple is below its number."""
    return dict(_leaves(data, ""))


def defaults_in(part: eqx.Module, where: str = "") -> dict[str, dict[str, Any]]:
    """The fields of a part that have their default, by path, outer ones first; of each what `flat`
    makes of it. `where` is what stands before the names."""
    return dict(_defaults_in(part, where))


def with_defaults(
    said: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Values by their paths, with those of the default of each field that none of them is of."""
    values = dict(said)
    known = {path for name in values for path in _ways(name)}
    for path, leaves in defaults.items():
        if path not in known:
            values.update(leaves)
            known.update(way for name in leaves for way in _ways(name))
    return values


def _completed(
    data: Any, kinds: tuple[type, ...], parts: Parts, where: str, found: dict[str, Any]
) -> Any:
    if isinstance(data, list):
        return [_completed(d, kinds, parts, _below(where, i), found) for i, d in enumerate(data)]
    if not (isinstance(data, Mapping) and isinstance(data.get(CLASS), str)):
        return data
    try:
        cls = parts.named(data[CLASS], kinds, where)
    except ValueError:
        return data
    whole = dict(data)
    for field in fields_of(cls):
        path = _below(where, field.name)
        if field.name in data:
            whole[field.name] = _completed(data[field.name], field.kinds, parts, path, found)
        elif (default := _default_of(field)) is not REQUIRED:
            whole[field.name] = found[path] = default
    return whole


def _defaults_in(part: eqx.Module, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in fields_of(type(part)):
        value, path = getattr(part, field.name), _below(where, field.name)
        plain = plain_value(value, path)
        if plain == _default_of(field):
            yield path, dict(_leaves(plain, path))
        # Data may name such a field, and not one of those inside it.
        items = enumerate(value) if isinstance(value, tuple | list) else [("", value)]
        for i, item in items:
            if isinstance(item, eqx.Module):
                yield from _defaults_in(item, _below(path, i))


def _default_of(field: Field) -> Any:
    """A field's default as data has it; `REQUIRED` if there is none, or none that data can hold."""
    with contextlib.suppress(ValueError):
        return REQUIRED if field.default is REQUIRED else plain_value(field.default, field.name)
    return REQUIRED


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, _below(path, name))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, _below(path, i))
    else:
        yield path, value


def _ways(name: str) -> Iterator[str]:
    """A path, and what it leads through."""
    return itertools.accumulate(name.split("."), lambda path, word: f"{path}.{word}")


def _below(path: str, name: str | int) -> str:
    return ".".join(str(word) for word in (path, name) if word != "")
