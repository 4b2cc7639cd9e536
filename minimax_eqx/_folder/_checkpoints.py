"""The checkpoints of a run: files `CYCLE.npz` in a folder.

Whatever else is in the folder belongs to somebody: it is neither read nor removed.
"""

import json
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._composition._defaults import flat, with_defaults
from .._files import is_partial, resolved, warn_once
from .._types import PyTree
from ..runners._saving import (
    CheckpointError,
    DamagedError,
    Saved,
    copy_on_host,
    read,
    told_apart,
    write_arrays,
)

# More than any process saves while another one reads.
_ATTEMPTS = 100
# What a checkpoint says of itself besides the options: no path of an option is this.
_CYCLE = "cycle"


class Checkpoints:
    """The checkpoints in one folder, each named by its cycle; the newest `keep` are kept, and those
    that `also` chooses of the others.

    `made_with` are the options that the state depends on, by name, as JSON can hold them. They are
    saved too, and a checkpoint made with others is refused. One that was saved before there was a
    certain option was made with its default; `defaults` has those that count, by their paths, as
    `defaults_in` has them.
    """

    def __init__(
        self,
        path: pathlib.Path,
        keep: int,
        made_with: Mapping[str, Any] | None = None,
        also: Callable[[Sequence[int]], set[int]] = lambda _: set(),
        defaults: Mapping[str, Mapping[str, Any]] | None = None,
    ):
        self.path: pathlib.Path = resolved(path)
        self.keep: int = keep
        self._also = also
        # The same values whether they have been through a file or not (tuples become lists).
        self.made_with: dict[str, Any] = json.loads(json.dumps(dict(made_with or {})))
        self._defaults = defaults or {}

    def cycles(self) -> list[int]:
        """The cycles that checkpoints are there for, oldest first, whole or not."""
        paths = self.path.glob("*.npz") if self.path.is_dir() else ()
        names = [path.stem for path in paths if not path.is_dir()]
        return sorted(int(n) for n in names if n.isascii() and n.isdecimal() and n == str(int(n)))

    def save(self, cycle: int, state: PyTree) -> pathlib.Path:
        """Writes a checkpoint; see `write`."""
        return self.write(cycle, copy_on_host(state))

    def write(self, cycle: int, arrays: Mapping[str, np.ndarray]) -> pathlib.Path:
        """Writes a checkpoint of arrays on the host, which another thread may do, and then removes
        those up to this one that are not to be kept.

        Later ones are left alone: a run that continues from an older checkpoint has found them
        damaged, and replaces them as it gets there. Raises `OSError`, naming the file, if it cannot
        be written; those from before are still there then.
        """
        # Not its parents: on a disk that went away they would be made somewhere else.
        self.path.mkdir(exist_ok=True)
        for path in self.path.iterdir():
            if is_partial(path.name):
                _remove(path)
        path = write_arrays(self._path_of(cycle), arrays, self.made_with | {_CYCLE: cycle})
        older = [c for c in self.cycles() if c <= cycle]
        kept = {*older[-self.keep :], *self._also(older)}
        for old in older:
            if old not in kept:
                _remove(self._path_of(old))
        return path

    def load(self, cycle: int) -> Saved:
        """The checkpoint of that cycle.

        Raises `CheckpointError` if it is missing, damaged, of another configuration, or the
        checkpoint of another cycle under a name that is not its own.
        """
        saved = read(self._path_of(cycle))
        about, made_with = dict(saved.about), flat(self.made_with)
        of_cycle = about.pop(_CYCLE, None)
        about = with_defaults(flat(about), self._defaults)
        if about == made_with and of_cycle != cycle:
            raise DamagedError(
                f"The checkpoint {saved.path} is not the one of that cycle: it was saved at cycle "
                f"{of_cycle}."
            )
        if about != made_with:
            names = sorted(about.keys() | made_with.keys())
            differing = told_apart(about, made_with, names)
            raise CheckpointError(
                f"The checkpoint {saved.path} was made with another configuration: {differing}. "
                "Undo the change, or start a new run with it; if the file is of another run, "
                "remove it."
            )
        return saved

    def newest(self) -> Saved:
        """The newest checkpoint that verifies, also while another process saves.

        Damaged ones are passed over with a warning in the log. Raises `CheckpointError` if none is
        left, and if the newest whole one is of another configuration.
        """
        problems: list[str] = []
        for _ in range(_ATTEMPTS):
            cycles, problems = self.cycles(), []
            for cycle in reversed(cycles):
                try:
                    return self.load(cycle)
                except DamagedError as error:
                    # Unless the process that trains here has just removed it.
                    if self._path_of(cycle).exists():
                        problems.append(str(error))
                        logging.getLogger("minimax_eqx").warning("%s Trying an older one.", error)
            if self.cycles() == cycles:
                break
        reason = " ".join(problems) or "None has been saved yet."
        raise CheckpointError(f"There is no usable checkpoint in {self.path}. {reason}")

    def _path_of(self, cycle: int) -> pathlib.Path:
        return self.path / f"{cycle}.npz"


def _remove(path: pathlib.Path) -> None:
    """What cannot be removed is a pity, and no reason to stop training."""
    # A link leads to a checkpoint that somebody keeps elsewhere.
    if not path.is_symlink():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            warn_once(f"The old checkpoint {path} could not be removed ({error.strerror}).")
