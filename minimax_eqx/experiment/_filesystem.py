"""Files as they are in the world: not every file system can do everything, and others leave files.

What can be done without is not required. What cannot be (space, permission, a disk that works) is
an error that names the file.
"""

import contextlib
import errno
import functools
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator


def _codes(*names: str) -> frozenset[int]:
    """The error numbers of those names, as far as this system has them."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


# What a file system answers that has no such operation.
NOT_SUPPORTED = _codes("ENOSYS", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOLCK", "EBADF", "ENOTTY")
_NO_FOLDERS = NOT_SUPPORTED | _codes("EACCES", "EPERM", "EISDIR")
_NO_RENAME = NOT_SUPPORTED | _codes("EACCES", "EPERM", "EEXIST", "EXDEV", "EBUSY")

# What file browsers, network file systems and backups leave in folders, wherever they are.
_OTHERS = {".DS_Store", ".directory", ".localized", "Thumbs.db", "desktop.ini", "lost+found"}
_OTHERS_BEGIN = ("._", ".nfs", ".fuse_hidden", ".Trash", ".Spotlight", ".snapshot", "~$")


class FolderError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


def is_left_by_others(name: str) -> bool:
    """Whether it is the name of a file that no person and no run put there."""
    return name in _OTHERS or name.startswith(_OTHERS_BEGIN)


def resolved(path: pathlib.Path | str) -> pathlib.Path:
    """The path as it is now meant, wherever the process is later; `~` is the user's home."""
    return pathlib.Path(os.path.expanduser(path)).absolute()


def sync(path: pathlib.Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk.

    Where the file system cannot do that, nothing is waited for.
    """
    is_folder = path.is_dir()
    # Windows syncs only what may be written.
    flags = os.O_RDWR if os.name == "nt" and not is_folder else os.O_RDONLY
    with naming(path):
        try:
            descriptor = os.open(path, flags)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in (_NO_FOLDERS if is_folder else NOT_SUPPORTED):
                raise
            if not is_folder:
                warn_once(
                    "This file system cannot say when a file is on the disk "
                    f"({error.strerror}): the newest checkpoint may be lost with the power."
                )


def move(source: pathlib.Path, target: pathlib.Path) -> None:
    """Gives a file or folder another name, also that of a file; at once where that can be done.

    Where it cannot, it is copied and then removed, and a reader may see half of it.
    """
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
        warn_once(f"This file system cannot rename in one step ({error.strerror}): it copies.")
        _copy(source, target)
        sync(target)
        if source.is_dir():
            shutil.rmtree(source)
        else:
            source.unlink()


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    # Contents alone: some file systems have no modes or times that can be set.
    if source.is_dir():
        target.mkdir()
        for member in sorted(source.iterdir()):
            _copy(member, target / member.name)
    else:
        shutil.copyfile(source, target)


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
    """An `OSError` in here names the file, of the same class and number as before."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@functools.lru_cache(maxsize=100)
def warn_once(message: str) -> None:
    """Warns in the log, once in a process for the same message."""
    logging.getLogger("minimax_eqx").warning("%s", message)
