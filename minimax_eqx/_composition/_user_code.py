"""Experiments that users write: a file or module of theirs, and what a run remembers of it.

Such code runs when its user names it, and never because a folder says so.
"""

import dataclasses
import hashlib
import importlib
import importlib.machinery
import importlib.util
import linecache
import logging
import pathlib
import sys
import traceback
import types
from typing import Any

from .._files import FolderError, expanded
from ..runners._experiment import Experiment
from ._parts import nearest


@dataclasses.dataclass(frozen=True)
class UserCode:
    """An experiment, the module that it is from, and the module's file with its text."""

    experiment: Experiment
    module: types.ModuleType
    path: pathlib.Path
    text: bytes

    def entry(self) -> dict[str, str]:
        """What a run's config.json says of it."""
        return {"name": self.path.name, "sha256": hashlib.sha256(self.text).hexdigest()}


def is_user_code(target: str) -> bool:
    """Whether a word names a file or a module, and not a recipe."""
    return target.endswith(".py") or ":" in target


def load_user_code(target: str) -> UserCode:
    """Runs `FILE.py`, `FILE.py:NAME` or `MODULE:NAME`, and finds the experiment in it.

    `NAME` may be that of an experiment or of a function that makes one. Raises `ValueError` for
    what is not there, and with the user's own line for code that fails.
    """
    place, _, name = (target, "", "") if target.endswith(".py") else target.rpartition(":")
    file = expanded(place).resolve() if place.endswith(".py") else None
    # As when Python runs a file: what is beside it can be imported.
    folder = str(file.parent if file else pathlib.Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec = (
            importlib.util.spec_from_file_location(f"minimax_eqx_file_{file.stem}", file)
            if file
            else importlib.util.find_spec(place)
        )
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not pathlib.Path(spec.origin).is_file():
        raise ValueError(f"There is no {'file' if file else 'module'} {place}.")
    path = pathlib.Path(spec.origin)
    text = path.read_bytes()
    try:
        module = _run(spec) if file else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        raise ValueError(_own_line(error, path)) from error
    return UserCode(_experiment_in(module, name, place), module, path, text)


def check_user_code(entry: dict[str, str] | None, code: UserCode | None, run: pathlib.Path) -> None:
    """Looks whether a run gets the code that it was made from; `entry` is in its config.json.

    Warns if the code has changed. Raises `FolderError` if there is none, or one too many.
    """
    if entry is None and code is not None:
        raise FolderError(f"The run in {run} was made without code of yours; leave --file out.")
    if entry is not None and code is None:
        raise FolderError(
            f"The run in {run} was made from {entry['name']}, which runs only if you say so: give "
            f"it with --file {entry['name']} (a copy is in {run})."
        )
    if entry and code and code.entry()["sha256"] != entry["sha256"]:
        logging.getLogger("minimax_eqx").warning(
            "%s has changed since the run in %s began.", code.path, run
        )


def _run(spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where the types of its fields are looked up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _own_line(error: BaseException, path: pathlib.Path) -> str:
    """What went wrong in a user's file, with the last line of it that ran."""
    what = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if pathlib.Path(frame.filename) == path]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    if line is None:
        return f"{path.name} cannot be imported: {what}"
    return f"{path.name}, line {line}: {what}\n  {linecache.getline(str(path), line).strip()}"


def _experiment_in(module: types.ModuleType, name: str, place: str) -> Experiment:
    if name:
        if not hasattr(module, name):
            raise ValueError(f"There is no '{name}' in {place}.{nearest(name, vars(module))}")
        value: Any = getattr(module, name)
        value = value() if isinstance(value, types.FunctionType) else value
        if not isinstance(value, Experiment):
            raise ValueError(f"'{name}' in {place} is a {type(value).__name__}, no Experiment.")
        return value
    there = {id(v): (n, v) for n, v in vars(module).items() if isinstance(v, Experiment)}
    if not there:
        raise ValueError(
            f"There is no experiment in {place}; looked for a line such as "
            "`experiment = mx.Experiment(...)` at the top of the file."
        )
    if len(there) > 1:
        names = ", ".join(f"{place}:{name}" for name, _ in there.values())
        raise ValueError(f"There are several experiments in {place}; say which: {names}.")
    [(_, experiment)] = there.values()
    return experiment
