"""Saving the whole training state, and loading it back exactly.

A checkpoint is an Orbax tree of plain arrays beside a manifest: what configuration it is of, the
shape of every array, and the size and SHA-256 of every file. It appears under its name only when it
is complete and on the disk, and loading runs no code from it.

Whatever else is in the folder, or in a checkpoint, belongs to somebody: it is neither read nor
removed.
"""

import contextlib
import itertools
import json
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .._types import PyTree, State
from ._arrays import from_plain, restore_arrays, save_arrays, to_plain
from ._filesystem import move, naming, resolved, sync, warn_once
from ._manifest import MANIFEST, CheckpointError, read_manifest, verified_manifest, write_manifest

ARRAYS, ORBAX_METADATA = "arrays", "_METADATA"
# Folders of such names are being written or removed; they count as not there.
_UNFINISHED = re.compile(r"\.(?P<cycle>\d+)(\.\d+)?\.(?P<what>partial|removed)")
# More than any process saves while another one reads.
_ATTEMPTS = 100


class Checkpoints:
    """The checkpoints in one folder, each named by its cycle.

    Arguments:

    - `path`: the folder; made when the first checkpoint is saved.
    - `keep`: how many are kept, at least 1.
    - `made_with`: options that the state depends on, by name, as JSON can hold them. They are
      saved too, and a checkpoint made with others is refused.
    """

    def __init__(self, path: pathlib.Path, keep: int, made_with: Mapping[str, Any] | None = None):
        self.path = resolved(path)
        self.keep = keep
        # The same values whether they have been through a file or not (tuples become lists).
        self.made_with = json.loads(json.dumps(dict(made_with or {})))

    def cycles(self) -> list[int]:
        """The cycles that checkpoints are there for, oldest first, whole or not."""
        return sorted(int(path.name) for path in self._entries() if _is_checkpoint(path))

    def try_out(self) -> None:
        """Saves a number, reads it back and removes it: raises now what would stop the first save,
        and says by a warning what the file system cannot do."""
        self._prepare()
        partial = self._unused(0, "partial")
        try:
            self._write(partial, 0, {"number": np.ones((), np.float32)})
            verified_manifest(partial)
            restore_arrays(partial / ARRAYS)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def save(self, cycle: int, state: PyTree) -> pathlib.Path:
        """Writes a checkpoint, then removes all but the newest `keep` up to this one.

        Later ones are left alone: a run that continues from an older checkpoint has found them
        damaged, and replaces them as it gets there. Raises `OSError`, naming the file, if it cannot
        be written; those from before are still there then.
        """
        self._prepare()
        partial, final = self._unused(cycle, "partial"), self.path / str(cycle)
        removed = None
        try:
            self._write(partial, cycle, to_plain(state))
            removed = self._make_way(final)
            move(partial, final)
        except BaseException:
            # Half a checkpoint is of no use, and would take the room of the next one.
            shutil.rmtree(partial, ignore_errors=True)
            if removed is not None and not os.path.lexists(final):
                move(removed, final)
            raise
        sync(self.path)
        with _said_if_impossible(final):
            self._clear(removed, final)
        for old in self._own_cycles(up_to=cycle)[: -self.keep]:
            path = self.path / str(old)
            # Of that name it is gone at once: none is ever seen half removed.
            with _said_if_impossible(path):
                self._clear(self._make_way(path), path)
        return final

    def load(self, cycle: int, like: State) -> State:
        """The state saved at `cycle`; `like` has its structure, shapes and dtypes.

        Raises `CheckpointError` if it is missing, damaged, or of another configuration.
        """
        path = self.path / str(cycle)
        manifest = verified_manifest(path)
        self._check_made_with(path, manifest["made_with"])
        expected = to_plain(like)
        found = manifest["arrays"]
        differing = [
            f"{name} (saved {found.get(name, 'nothing')}, expected {_shape(expected.get(name))})"
            for name in sorted(found.keys() | expected.keys())
            if found.get(name, "nothing") != _shape(expected.get(name))
        ]
        if differing:
            raise CheckpointError(
                f"The checkpoint {path} is of another program; these arrays differ: "
                f"{_first(differing)}."
            )
        empty = {name: array for name, array in expected.items() if array.size == 0}
        try:
            arrays = restore_arrays(path / ARRAYS)
        except Exception as error:
            raise CheckpointError(f"The checkpoint {path} cannot be read: {error}") from error
        return from_plain(arrays | empty, like)

    def newest(self) -> int:
        """The cycle of the newest checkpoint that verifies.

        Damaged ones are passed over with a warning in the log. Raises `CheckpointError` if none is
        left, and if the newest whole one is of another configuration.
        """
        problems = []
        for _ in range(_ATTEMPTS):
            cycles, problems = self.cycles(), []
            for cycle in reversed(cycles):
                path = self.path / str(cycle)
                try:
                    manifest = verified_manifest(path)
                except CheckpointError as error:
                    # Unless the process that trains here has just removed it.
                    if _is_checkpoint(path):
                        problems.append(str(error))
                        logger = logging.getLogger("minimax_eqx")
                        logger.warning("%s Trying an older one.", error)
                    continue
                self._check_made_with(path, manifest["made_with"])
                return cycle
            if self.cycles() == cycles:
                break
        reason = " ".join(problems) or "None has been saved yet."
        raise CheckpointError(f"There is no usable checkpoint in {self.path}. {reason}")

    def load_newest(self, make_like: Callable[[], State]) -> State:
        """The state of the newest checkpoint that verifies, also while another process saves.

        That one removes old checkpoints: what was chosen may be gone before it is read, and the
        newest is chosen again then. `make_like` makes what `load` calls `like`; it is called once,
        after a checkpoint was found. Raises `CheckpointError` as `newest` and `load` do.
        """
        cycle = self.newest()
        like = make_like()
        for _ in range(_ATTEMPTS):
            try:
                return self.load(cycle, like)
            except CheckpointError:
                if _is_whole(self.path / str(cycle)):
                    raise
            cycle = self.newest()
        return self.load(cycle, like)

    def _entries(self) -> list[pathlib.Path]:
        return list(self.path.iterdir()) if self.path.is_dir() else []

    def _prepare(self) -> None:
        """Makes the folder, and removes what earlier saves left there when they were killed."""
        self.path.mkdir(parents=True, exist_ok=True)
        for path in self._entries():
            unfinished = _UNFINISHED.fullmatch(path.name)
            if unfinished is None or path.is_symlink() or not path.is_dir():
                continue
            if unfinished["what"] == "partial":
                shutil.rmtree(path, ignore_errors=True)
            else:
                with _said_if_impossible(path):
                    self._clear(path, self.path / unfinished["cycle"])

    def _write(self, partial: pathlib.Path, cycle: int, arrays: dict[str, np.ndarray]) -> None:
        with naming(partial):
            partial.mkdir()
            # Orbax refuses empty arrays; their shape, in the manifest, is all there is to them.
            save_arrays(partial / ARRAYS, {k: v for k, v in arrays.items() if v.size > 0})
            shapes = {name: _shape(array) for name, array in arrays.items()}
            content = {"cycle": cycle, "made_with": self.made_with, "arrays": shapes}
            files = write_manifest(partial, content)
        folders = {folder for file in files for folder in file.parents if partial in folder.parents}
        for path in (*files, *folders, partial):
            sync(path)

    def _make_way(self, path: pathlib.Path) -> pathlib.Path | None:
        """Gives what has a checkpoint's name another one. Returns that if it is a checkpoint, which
        is to be removed; what is not ours is only moved aside."""
        if not os.path.lexists(path):
            return None
        if _is_checkpoint(path) and not path.is_symlink():
            removed = self._unused(int(path.name), "removed")
            move(path, removed)
            return removed
        aside = _unused_beside(path)
        move(path, aside)
        logging.getLogger("minimax_eqx").warning(
            "%s was in the way of a checkpoint and is none; it is %s now.", path, aside.name
        )
        return None

    def _clear(self, removed: pathlib.Path | None, path: pathlib.Path) -> None:
        """Removes the files of a checkpoint, which was at `path` before; others that were among
        them are there again afterwards, or beside it if there is a new one."""
        if removed is None:
            return
        _remove_what_is_ours(removed)
        if removed.exists():
            move(removed, _unused_beside(path) if os.path.lexists(path) else path)

    def _own_cycles(self, *, up_to: int) -> list[int]:
        # A link leads to a checkpoint that somebody keeps elsewhere.
        return [
            cycle
            for cycle in self.cycles()
            if cycle <= up_to and not (self.path / str(cycle)).is_symlink()
        ]

    def _unused(self, cycle: int, suffix: str) -> pathlib.Path:
        names = (f".{cycle}{more}.{suffix}" for more in ("", *(f".{i}" for i in range(_ATTEMPTS))))
        return next(p for name in names if not os.path.lexists(p := self.path / name))

    def _check_made_with(self, path: pathlib.Path, made_with: dict[str, Any]) -> None:
        differing = [
            f"{name} (saved {made_with.get(name)!r}, expected {self.made_with.get(name)!r})"
            for name in sorted(made_with.keys() | self.made_with.keys())
            if made_with.get(name) != self.made_with.get(name)
        ]
        if differing:
            raise CheckpointError(
                f"The checkpoint {path} was made with another configuration: {_first(differing)}. "
                "Undo the change, or start a new run with it."
            )


def _is_checkpoint(path: pathlib.Path) -> bool:
    """Whether it has the name of a checkpoint, and something of one in it."""
    name = path.name
    if not (name.isascii() and name.isdecimal() and name == str(int(name))):
        return False
    # Not pathlib's, which raises where somebody's folder may not be looked into.
    return os.path.isfile(path / MANIFEST) or os.path.isfile(path / ARRAYS / ORBAX_METADATA)


def _is_whole(path: pathlib.Path) -> bool:
    try:
        verified_manifest(path)
    except CheckpointError:
        return False
    return True


def _remove_what_is_ours(path: pathlib.Path) -> None:
    """Removes a checkpoint's files, and the folders that are empty then; other files stay."""
    try:
        for name in read_manifest(path)["files"]:
            if ".." not in pathlib.PurePosixPath(name).parts:
                (path / name.lstrip("/")).unlink(missing_ok=True)
    except CheckpointError:
        # Nobody knows any more what was in it; this folder was all Orbax's.
        shutil.rmtree(path / ARRAYS, ignore_errors=True)
    (path / MANIFEST).unlink(missing_ok=True)
    folders = [member for member in path.rglob("*") if member.is_dir()]
    for folder in (*sorted(folders, reverse=True), path):
        if not any(folder.iterdir()):
            folder.rmdir()


@contextlib.contextmanager
def _said_if_impossible(path: pathlib.Path) -> Iterator[None]:
    """What cannot be removed is a pity, and no reason to stop training."""
    try:
        yield
    except OSError as error:
        warn_once(f"The old checkpoint {path} could not be removed ({error.strerror}).")


def _unused_beside(path: pathlib.Path) -> pathlib.Path:
    """A path beside this one that nothing has."""
    names = (path.with_name(f"{path.name}.moved-{count}") for count in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def _shape(array: np.ndarray | None) -> str:
    return "nothing" if array is None else f"{array.dtype.name}{list(array.shape)}"


def _first(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (" and more" if len(texts) > 3 else "")
