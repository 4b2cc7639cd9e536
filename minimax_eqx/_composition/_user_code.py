"""Experiments that users write: a file or module of theirs, and what a run remembers of it.

Such code runs when its user names it, and never because a folder says so.
"""

import dataclasses
import functools
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
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


class OwnPartsError(FolderError):
    """A folder that has parts of the user's, which were not given. In Python they are given in
    another way than on the command line, and `on_command_line` is the message there."""

    def __init__(self, what: str, *, in_python: str, on_command_line: str):
        super().__init__(f"{what} {in_python}")
        self.on_command_line: str = f"{what} {on_command_line}"


class UserCodeError(ValueError):
    """A user's code that failed; the message has the user's own line."""


@dataclasses.dataclass(frozen=True)
class UserCode:
    """A module of a user's, and its file with the text of that."""

    module: types.ModuleType
    path: pathlib.Path
    text: bytes
    target: str
    """As it was named: `FILE.py`, `FILE.py:NAME` or `MODULE:NAME`."""

    @property
    def title(self) -> str:
        """What a run of it is called: of several experiments in a file each by another name."""
        name = _split(self.target)[1]
        return self.path.stem if name in ("", "experiment") else f"{self.path.stem}-{name}"

    @functools.cached_property
    def experiment(self) -> Experiment:
        """The experiment that was named, or the only one of the module. Raises `ValueError` if
        there is none."""
        place, name = _split(self.target)
        return self._made(name, place) if name else _only_experiment_in(self.module, place)

    def entry(self) -> dict[str, str]:
        """What a run's config.json says of it."""
        return {"name": self.path.name, "sha256": hashlib.sha256(self.text).hexdigest()}

    def _made(self, name: str, place: str) -> Experiment:
        value: Any = getattr(self.module, name)
        if isinstance(value, types.FunctionType):
            needed = [n for n, p in inspect.signature(value).parameters.items() if _is_needed(p)]
            if needed:
                raise ValueError(
                    f"'{name}' in {place} needs {', '.join(needed)}; give these defaults, or name "
                    "a function that needs none."
                )
            try:
                value = value()
            except (Exception, SystemExit) as error:
                raise _failed(error, self.path) from error
        if not isinstance(value, Experiment):
            raise ValueError(f"'{name}' in {place} is a {type(value).__name__}, no Experiment.")
        return value


def is_user_code(target: str) -> bool:
    """Whether a word names a file or a module, and not a recipe."""
    return target.endswith(".py") or ":" in target


def load_user_code(target: str) -> UserCode:
    """Runs `FILE.py`, `FILE.py:NAME` or `MODULE:NAME`.

    `NAME` may be the name of an experiment or of a function that makes one, which is called when
    somebody asks for its experiment. Raises `ValueError` for what is not there, and with the user's
    own line for code that fails.
    """
    place, name = _split(target)
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
        raise _failed(error, path) from error
    if name and not hasattr(module, name):
        raise ValueError(f"There is no '{name}' in {place}.{nearest(name, vars(module))}")
    return UserCode(module, path, text, target)


def check_user_code(entry: dict[str, str] | None, code: UserCode | None, run: pathlib.Path) -> None:
    """Looks whether a run gets the code that it was made from; `entry` is in its config.json.

    Warns if the code has changed. Raises `FolderError` if there is none. A run that began in Python
    has no entry, whatever it was made from.
    """
    if entry is not None and code is None:
        raise OwnPartsError(
            f"The run in {run} was made from {entry['name']}, which runs only if you say so:",
            in_python="import it, and give the experiment that the run is of, with "
            f"`experiment=...` (a copy of the file is in {run}).",
            on_command_line=f"give it with --file {entry['name']} (a copy is in {run}).",
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


def _split(target: str) -> tuple[str, str]:
    """The file or module that a word names, and the name in it, if there is one."""
    place, _, name = (target, "", "") if target.endswith(".py") else target.rpartition(":")
    return place, name


def _failed(error: BaseException, path: pathlib.Path) -> UserCodeError:
    """What went wrong in a user's file, with the last line of it that ran."""
    what = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if pathlib.Path(frame.filename) == path]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    if line is None:
        return UserCodeError(f"{path.name} cannot be imported: {what}")
    source = linecache.getline(str(path), line).strip()
    return UserCodeError(f"{path.name}, line {line}: {what}\n  {source}")


def _only_experiment_in(module: types.ModuleType, place: str) -> Experiment:
    there = {id(v): (n, v) for n, v in vars(module).items() if isinstance(v, Experiment)}
    if len(there) == 1:
        [(_, experiment)] = there.values()
        return experiment
    names = ", ".join(f"{place}:{name}" for name, _ in there.values())
    if there:
        raise ValueError(f"There are several experiments in {place}; say which: {names}.")
    makers = ", ".join(f"{place}:{name}" for name in _makers_in(module))
    if makers:
        raise ValueError(
            f"There is no experiment at the top of {place}. If a function there makes one, name "
            f"it: {makers}."
        )
    raise ValueError(
        f"There is no experiment in {place}; looked for a line such as "
        "`experiment = mx.Experiment(...)` at the top of the file."
    )


def _makers_in(module: types.ModuleType) -> list[str]:
    """The functions of a module that may make an experiment, as far as one sees from outside."""
    found = []
    for name, value in vars(module).items():
        is_there = isinstance(value, types.FunctionType) and value.__module__ == module.__name__
        if not is_there or name.startswith("_"):
            continue
        signature = inspect.signature(value)
        result = signature.return_annotation
        returns_one = result is inspect.Signature.empty or "Experiment" in str(result)
        if returns_one and not any(map(_is_needed, signature.parameters.values())):
            found.append(name)
    return found


def _is_needed(parameter: inspect.Parameter) -> bool:
    """Whether a function cannot be called without this."""
    is_rest = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not is_rest
