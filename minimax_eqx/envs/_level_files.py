"""Lists of levels in files: of any environment, or drawn."""

import collections
import functools
import io
import json
import os
import pathlib
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._files import resolved, write
from .._types import PyTree
from ._pictures import unstack

KINDS = (".npz", ".json", ".txt")
_NAMES, _STRUCTURE, _LEVEL = "names", "structure", "level"


def write_levels(levels: PyTree, path: str | os.PathLike[str], names: Sequence[str] | None) -> None:
    """Writes a file that `read_levels` reads; `LevelFile.save` says how, and what it raises."""
    path = resolved(os.fspath(path))
    arrays = _by_place(jax.device_get(levels))
    num_levels = len(next(iter(arrays.values())))
    names = _checked(path, [str(i) for i in range(num_levels)] if names is None else names)
    if len(names) != num_levels:
        raise ValueError(f"There are {len(names)} names for {num_levels} levels to save in {path}.")
    held = {_NAMES: np.array(names), _STRUCTURE: np.array(str(jax.tree.structure(levels)))}
    held |= arrays
    if kind_of(path) == ".txt":
        pairs = zip(names, unstack(levels), strict=True)
        text = "\n".join(f"; {name}\n{_drawable(level, path)}\n" for name, level in pairs)
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
    levels do not have that structure: if they have other parts, sizes, types or ranges.
    """
    path = resolved(os.fspath(path))
    kind_of(path)
    if not path.is_file():
        raise ValueError(f"There is no file of levels {path}.")
    held = _content(path, path.stat().st_mtime_ns)
    if isinstance(held, str):
        return _read_drawings(path, held, level)
    names = _checked(path, [str(name) for name in held.get(_NAMES, ())])
    wanted = _by_place(level)
    arrays = {place: array for place, array in held.items() if place.startswith(_LEVEL)}
    if isinstance(held, _Json) and set(arrays) == set(wanted):
        arrays = {place: _as(arrays[place], wanted[place].dtype) for place in wanted}
    _check_like(path, arrays, wanted)
    structure = str(jax.tree.structure(level))
    if str(held.get(_STRUCTURE, structure)) != structure:
        raise ValueError(
            f"{path} holds levels of another environment: their structure is {held[_STRUCTURE]}, "
            f"and those of this one have {structure}."
        )
    if {len(array) for array in arrays.values()} != {len(names)}:
        raise ValueError(f"{path} has {len(names)} names for another number of levels.")
    return jax.tree.unflatten(jax.tree.structure(level), [arrays[w] for w in wanted]), names


def kind_of(path: pathlib.Path) -> str:
    """The suffix of a file of levels. Raises `ValueError` for one that no such file has."""
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"{path} is no file of levels; it must end in {', '.join(KINDS)}.")
    return path.suffix.lower()


class _Json(dict):
    """What a file of text holds: lists that have no type yet."""


@functools.lru_cache(maxsize=8)
def _content(path: pathlib.Path, changed: int) -> Any:
    """What is in a file that changed last at that time: drawings, or arrays by name."""
    del changed
    try:
        if kind_of(path) == ".npz":
            with np.load(path) as file:
                return dict(file)
        text = path.read_text(encoding="utf-8-sig")
        return text if kind_of(path) == ".txt" else _Json(json.loads(text))
    except (ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as a file of levels: {error}") from error


def _read_drawings(
    path: pathlib.Path, text: str, level: PyTree[jax.ShapeDtypeStruct]
) -> tuple[PyTree, tuple[str, ...]]:
    read: Any = getattr(type(level), "from_ascii", None)
    if read is None:
        raise ValueError(f"{path} holds drawings, and a {type(level).__name__} cannot be drawn.")
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text.strip("\n")) if block]
    names, levels = [], []
    for i, lines in enumerate(blocks):
        named = lines[0].startswith(";")
        names.append(lines[0][1:].strip() if named else str(i))
        try:
            with jax.ensure_compile_time_eval():
                drawn = read("\n".join(lines[named:]))
                # A small maze is one of an environment with mazes of several sizes, for example.
                drawn = drawn.fitted(level) if hasattr(drawn, "fitted") else drawn
                levels.append(jax.device_get(drawn))
        except ValueError as error:
            raise ValueError(f"{path}, level {names[-1]!r}: {error}") from error
        _check_like(path, _by_place(levels[-1]), _by_place(level), axes=0)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *levels) if levels else level
    return stacked, _checked(path, names)


def _drawable(level: Any, path: pathlib.Path) -> str:
    if not hasattr(level, "to_ascii"):
        raise ValueError(
            f"A {type(level).__name__} cannot be drawn; save it as .npz or .json, not as {path}."
        )
    return level.to_ascii()


def _by_place(levels: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(levels)
    return {f"{_LEVEL}{jax.tree_util.keystr(place)}": leaf for place, leaf in leaves}


def _as(value: Any, dtype: np.dtype) -> np.ndarray:
    """A list of a file of text as an array of the type, if no number changes by more than
    rounding; else as it is, which is refused later."""
    array = np.asarray(value)
    return (
        array.astype(dtype)
        if array.dtype.kind in "biuf"
        and (np.issubdtype(dtype, np.inexact) or np.array_equal(array.astype(dtype), array))
        else array
    )


def _check_like(
    path: pathlib.Path, held: dict[str, Any], wanted: dict[str, Any], axes: int = 1
) -> None:
    def described(arrays, axes):
        return ", ".join(f"{k} {v.dtype}{list(v.shape[axes:])}" for k, v in sorted(arrays.items()))

    if described(held, axes) != described(wanted, 0):
        raise ValueError(
            f"{path} holds levels of another environment: {described(held, axes) or 'nothing'}; "
            f"those of this one are {described(wanted, 0)}."
        )


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
