"""A file that one process at a time holds."""

import contextlib
import errno
import importlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from ._filesystem import warn_once

# Network file systems that lock byte ranges say EACCES, and so does Windows.
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Holds a file, which is made if it is not there, for this process.

    Raises `BlockingIOError` if another one holds it. Where there are no locks (some network file
    systems have none) it warns and goes on: no other process can have one there either.
    """
    with open(path, "w") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in _HELD:
                raise BlockingIOError(error.errno, "held by another process", str(path)) from None
            warn_once(
                f"{path} cannot be locked here ({error.strerror}): see to it yourself that no "
                "second process trains in that folder."
            )
        yield


def _lock(descriptor: int) -> None:
    """Raises `OSError` at once if the lock cannot be had."""
    # The first is there on every system but Windows, the second there alone.
    fcntl, msvcrt = _module("fcntl"), _module("msvcrt")
    if hasattr(fcntl, "flock"):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif hasattr(msvcrt, "locking"):
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
