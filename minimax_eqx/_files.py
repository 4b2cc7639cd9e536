"""Files as they are in the world: not every file system can do everything, and others leave files.

What can be done without is not required. What cannot be (space, permission, a disk that works) is
an error that names the file.
"""

import contextlib
import errno
import functools
import importlib
import logging
import os
import pathlib
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from typing import Any

# What a file system answers that has no such operation. (Windows lacks some of these numbers.)
_NOT_SUPPORTED = {
    getattr(errno, name, 0)
    for name in ("ENOSYS", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOLCK", "EBADF", "ENOTTY")
}
_NO_RENAME = _NOT_SUPPORTED | {errno.EACCES, errno.EPERM, errno.EEXIST, errno.EXDEV, errno.EBUSY}
# Network file systems that lock byte ranges say EACCES, and so does Windows.
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}
# Of a file that is read again, in bytes.
_CHUNK = 1 << 20
# Longer than `is_held` takes to look, in seconds.
_A_MOMENT = 0.05
# What file browsers, network file systems and backups leave in folders, wherever they are.
_OTHERS = {".DS_Store", ".directory", ".localized", "Thumbs.db", "desktop.ini", "lost+found"}
_OTHERS_BEGIN = ("._", ".nfs", ".fuse_hidden", ".Trash", ".Spotlight", ".snapshot", "~$")


class FolderError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


def is_left_by_others(name: str) -> bool:
    """Whether it is the name of a file that no person and no run put there."""
    return name in _OTHERS or name.startswith(_OTHERS_BEGIN)


def is_partial(name: str) -> bool:
    """Whether it is the name of a file that `write` had begun when it was killed."""
    return re.fullmatch(r"\..+\.[0-9a-f]{32}\.partial", name) is not None


def expanded(path: os.PathLike[str] | str) -> pathlib.Path:
    """The path, where `~` at its beginning is the user's home. Raises `FolderError` if there is no
    such home, as in a container with a user of no name."""
    found = pathlib.Path(os.path.expanduser(path))
    if str(found).startswith("~") and not found.exists():
        raise FolderError(
            f"{path} is below a home folder, and none is known here: set HOME, or give the whole "
            "path."
        )
    return found


def resolved(path: os.PathLike[str] | str) -> pathlib.Path:
    """The path as it is now meant, wherever the process is later; `~` as in `expanded`."""
    return expanded(path).absolute()


def write(path: pathlib.Path, content: bytes | memoryview) -> pathlib.Path:
    """Makes a file, or replaces it, at once or not at all, and waits until it is on the disk.

    It is read again before it gets its name. Where the file system cannot rename, it is copied,
    and a reader may see half of it. Raises `OSError`, naming the file; what was there before is
    still there then.
    """
    # Of a name of its own: two processes may write the same file at once.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    with naming(path, partial):
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                _sync(file.fileno())
            _check_written(partial, memoryview(content))
            _move(partial, path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    # The folder's list of names too, where a folder can be synced.
    with contextlib.suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, descriptor)
            os.fsync(descriptor)
    return path


def _check_written(path: pathlib.Path, content: memoryview) -> None:
    with open(path, "rb") as file:
        for begin in range(0, len(content) + 1, _CHUNK):
            if file.read(_CHUNK) != bytes(content[begin : begin + _CHUNK]):
                raise OSError(errno.EIO, "What was written is not what is read")


def _move(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
        warn_once(f"This file system cannot rename in one step ({error.strerror}): it copies.")
        # Contents alone: some file systems have no modes or times that can be set.
        shutil.copyfile(source, target)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        warn_once(
            f"This file system cannot say when a file is on the disk ({error.strerror}): the "
            "newest checkpoint may be lost with the power."
        )


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Holds a file, which is made if it is not there, for this process.

    Raises `FolderError` if another one holds it. Where there are no locks (some network file
    systems have none) it warns and goes on: no other process can have one there either.
    """
    with open(path, "w") as file:
        try:
            _lock_patiently(file.fileno())
        except OSError as error:
            if error.errno in _HELD:
                message = f"Another process is training in {path.parent} now."
                raise FolderError(message) from None
            warn_once(
                f"{path} cannot be locked here ({error.strerror}): see to it yourself that no "
                "second process trains in that folder."
            )
        yield


def is_held(path: pathlib.Path) -> bool:
    """Whether a process holds a file with `held` now, as far as this file system can tell."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        try:
            _lock(file.fileno(), shared=True)
        except OSError as error:
            return error.errno in _HELD
    return False


def _lock_patiently(descriptor: int) -> None:
    """As `_lock`, and once more after a moment, which is how long `is_held` may have it."""
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        time.sleep(_A_MOMENT)
        _lock(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> None:
    # The first is there on every system but Windows, the second there alone.
    with contextlib.suppress(ImportError):
        fcntl: Any = importlib.import_module("fcntl")
        # A shared one may be had of a file that is open for reading alone.
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    with contextlib.suppress(ImportError):
        msvcrt: Any = importlib.import_module("msvcrt")
        return msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@contextlib.contextmanager
def naming(path: pathlib.Path, partial: pathlib.Path | None = None) -> Iterator[None]:
    """An `OSError` in here names the file, of the same class and number as before; also where it
    names the file that was to become it."""
    try:
        yield
    except OSError as error:
        named = error.filename is not None and str(error.filename) != str(partial)
        if named or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@functools.lru_cache(maxsize=100)
def warn_once(message: str) -> None:
    """Warns in the log, once in a process for the same message."""
    logging.getLogger("minimax_eqx").warning("%s", message)
