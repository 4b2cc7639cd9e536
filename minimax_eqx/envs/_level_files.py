"""Lists of levels in files: of any environment, or drawn."""

import codecs
import collections
import functools
import io
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import jax
import numpy as np

from .._files import resolved, write
from .._types import PyTree
from ._drawn_levels import DrawnLevel, read_drawn
from ._pictures import unstack

KINDS = (".npz", ".json", ".txt")
_NAMES, _STRUCTURE, _LEVEL = "names", "structure", "level"


def write_levels(
    levels: PyTree,
    path: str | os.PathLike[str],
    names: Sequence[str] | None,
    remarks: Sequence[str] = (),
) -> None:
    """Writes a file that `read_levels` reads; `LevelFile.save` says how, and what it raises.

    `remarks` are lines, one for each level, that stand above its drawing.
    """
    path = resolved(os.fspath(path))
    arrays = _by_place(jax.device_get(levels))
    num_levels = len(next(iter(arrays.values())))
    names = _checked(path, [str(i) for i in range(num_levels)] if names is None else names)
    if len(names) != num_levels:
        raise ValueError(f"There are {len(names)} names for {num_levels} levels to save in {path}.")
    held = {_NAMES: np.array(names), _STRUCTURE: np.array(str(jax.tree.structure(levels)))}
    held |= arrays
    if kind_of(path) == ".txt":
        above = [f"; {name}\n" for name in names]
        above = [a + f"; {said}\n" * bool(said) for a, said in zip_longest(above, remarks)]
        drawings = [_drawable(level, path) for level in unstack(levels)]
        text = "\n".join(f"{a}{drawing}\n" for a, drawing in zip(above, drawings, strict=True))
    elif kind_of(path) == ".json":
        text = json.dumps({name: array.tolist() for name, array in held.items()})
    else:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **held)
        write(path, buffer.getvalue())
        return
    write(path, text.encode())


def read_levels(
    path: str | os.PathLike[str], level: PyTree[jax.ShapeDtypeStruct]
) -> tuple[PyTree, tuple[str, ...]]:
    """The levels in a file (leading axis `level`, as NumPy arrays), and their names.

    Raises `ValueError`, in one line, if there is no such file, if it cannot be read, and if its
    levels do not have that structure: if they have other parts, sizes, types or ranges, or cannot
    be played.
    """
    path, changed = existing(path)
    leaves, structure = jax.tree.flatten(level)
    return _read(path, changed, structure, tuple(leaves))


def existing(path: str | os.PathLike[str]) -> tuple[pathlib.Path, int]:
    """A file of levels, and when it changed last. Raises `ValueError` if there is none."""
    path = resolved(os.fspath(path))
    kind_of(path)
    if not path.is_file():
        raise ValueError(f"There is no file of levels {path}.")
    return path, path.stat().st_mtime_ns


@functools.lru_cache(maxsize=8)
def _read(
    path: pathlib.Path, changed: int, structure: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]
) -> tuple[PyTree, tuple[str, ...]]:
    """What is in a file that changed last at that time, for levels of that structure."""
    level, held = jax.tree.unflatten(structure, leaves), content(path, changed)
    if isinstance(held, str):
        return _fitted(path, read_drawings(path, changed, type(level)), level)
    wanted = _by_place(level)
    arrays = {place: array for place, array in held.items() if place.startswith(_LEVEL)}
    if isinstance(held, _Json):
        arrays = {place: _array(path, place, value) for place, value in arrays.items()}
    if isinstance(held, _Json) and set(arrays) == set(wanted):
        arrays = {place: _as(arrays[place], wanted[place].dtype) for place in wanted}
    if not arrays:
        raise ValueError(f"There are no levels in {path}.")
    _check_like(str(path), arrays, wanted)
    told = str(held.get(_STRUCTURE, structure))
    if told != str(structure):
        raise ValueError(
            f"{path} holds levels of another environment: their structure is {told}, and levels "
            f"of this one have {structure}."
        )
    counts = {place: len(array) if array.ndim else 0 for place, array in arrays.items()}
    names = _checked(path, _names_in(held) or [str(i) for i in range(min(counts.values()))])
    if set(counts.values()) != {len(names)}:
        raise ValueError(f"{path} has {len(names)} names for another number of levels: {counts}.")
    levels = jax.tree.unflatten(structure, [arrays[place] for place in wanted])
    if hasattr(level, "check"):
        for name, one in zip(names, unstack(levels), strict=True):
            try:
                one.check()
            except ValueError as error:
                raise ValueError(f"{path}, level {name!r}: {error}") from error
    return levels, names


def kind_of(path: pathlib.Path) -> str:
    """The suffix of a file of levels. Raises `ValueError` for one that no such file has."""
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"{path} is no file of levels; it must end in {', '.join(KINDS)}.")
    return path.suffix.lower()


def level_of(field: str) -> str:
    """The name that a file of arrays has for a field of its levels."""
    return f"{_LEVEL}.{field}"


class _Json(dict):
    """What a file of text holds: lists that have no type yet."""


@functools.lru_cache(maxsize=8)
def content(path: pathlib.Path, changed: int) -> Any:
    """What is in a file that changed last at that time: drawings, or arrays by name."""
    del changed
    try:
        if kind_of(path) == ".npz":
            with np.load(path) as file:
                return dict(file)
        text = _decoded(path.read_bytes())
        if kind_of(path) == ".txt":
            return text
        held = json.loads(text)
        if not isinstance(held, dict):
            raise ValueError("it holds no levels by name.")
        return _Json(held)
    except (ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as a file of levels: {error}") from error


def _decoded(data: bytes) -> str:
    """A text in UTF-8, or in the UTF-16 that some programs of Windows write."""
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig")


@functools.lru_cache(maxsize=8)
def read_drawings(path: pathlib.Path, changed: int, kind: type) -> tuple[DrawnLevel, ...]:
    """The levels of that class that are drawn in a file, as they are drawn.

    Raises `ValueError`, in one line, if there are none, or if they cannot be read.
    """
    if not hasattr(kind, "from_ascii"):
        raise ValueError(f"{path} holds drawings, and a {kind.__name__} cannot be drawn.")
    try:
        drawn = read_drawn(content(path, changed), kind)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from error
    _checked(path, [level.name for level in drawn])
    return tuple(drawn)


def _fitted(
    path: pathlib.Path, drawn: Sequence[DrawnLevel], level: PyTree[jax.ShapeDtypeStruct]
) -> tuple[PyTree, tuple[str, ...]]:
    """Drawn levels as an environment has them: a small maze as one of mixed sizes, for example."""
    levels = []
    for name, line, one in drawn:
        where = f"{path}, level {name!r} (line {line})"
        try:
            with jax.ensure_compile_time_eval():
                fitted: Any = one.fitted(level) if hasattr(one, "fitted") else one
                levels.append(jax.device_get(fitted))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        _check_like(where, _by_place(levels[-1]), _by_place(level), axes=0)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *levels)
    return stacked, tuple(level.name for level in drawn)


def _drawable(level: Any, path: pathlib.Path) -> str:
    if not hasattr(level, "to_ascii"):
        raise ValueError(
            f"A {type(level).__name__} cannot be drawn; save it as .npz or .json, not as {path}."
        )
    return level.to_ascii()


def _by_place(levels: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(levels)
    return {f"{_LEVEL}{jax.tree_util.keystr(place)}": leaf for place, leaf in leaves}


def _array(path: pathlib.Path, place: str, value: Any) -> np.ndarray:
    """A list of a file of text as an array."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{path}: what is in '{place}' is no array: {error}") from error


def _as(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array of a file of text as one of the type, if no number changes by more than rounding;
    else as it is, which is refused later."""
    if array.dtype.kind not in "biuf":
        return array
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(dtype)
        same = np.issubdtype(dtype, np.inexact) or np.array_equal(cast, array)
    return cast if same else array


def _check_like(where: str, held: dict[str, Any], wanted: dict[str, Any], axes: int = 1) -> None:
    def described(arrays, axes):
        return ", ".join(f"{k} {v.dtype}{list(v.shape[axes:])}" for k, v in sorted(arrays.items()))

    if described(held, axes) != described(wanted, 0):
        raise ValueError(
            f"{where} holds levels of another environment: {described(held, axes) or 'nothing'}; "
            f"those of this one are {described(wanted, 0)}."
        )


def _names_in(held: dict[str, Any]) -> list[str]:
    """The names in a file of arrays, if it has some."""
    names = held.get(_NAMES)
    given = names.reshape(-1) if isinstance(names, np.ndarray) else names
    return [str(name) for name in given] if isinstance(given, np.ndarray | list) else []


def _checked(path: pathlib.Path, names: Sequence[str]) -> tuple[str, ...]:
    """Raises `ValueError` unless there are names, and each can stand for its level."""
    if not names:
        raise ValueError(f"There are no levels in {path}.")
    counts = collections.Counter(names)
    bad = [name for name in names if not name.isprintable() or not name or counts[name] > 1]
    if bad:
        raise ValueError(
            f"A level in {path} is called {bad[0]!r}; names must not be empty, repeated, or longer "
            "than a line."
        )
    return tuple(names)
