"""File systems and operating systems without some operation."""

import errno
import fcntl
import os
import sys
import types

import jax.numpy as jnp
import pytest

from minimax_eqx import _files
from minimax_eqx._files import FolderError
from minimax_eqx._folder._checkpoints import Checkpoints

from .tiny import create, files, launch

NOT_THERE = ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL", "ENOTSUP")


@pytest.fixture(autouse=True)
def _nothing_was_said_before():
    _files.warn_once.cache_clear()


def failing(name):
    """A function of the operating system that answers with that error."""

    def fail(*args, **kwargs):
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_file_system_without_locks_is_warned_of_once(tmp_path, monkeypatch, caplog, name):
    monkeypatch.setattr(fcntl, "flock", failing(name))
    folder = create(tmp_path / "run")
    with folder.locked(), folder.locked():
        pass
    assert len(caplog.records) == 1
    assert "no second process trains" in caplog.text


@pytest.mark.parametrize("name", ["EWOULDBLOCK", "EACCES"])
def test_a_lock_that_another_process_has_is_no_missing_lock(tmp_path, monkeypatch, name):
    folder = create(tmp_path / "run")
    monkeypatch.setattr(fcntl, "flock", failing(name))
    with pytest.raises(FolderError, match="Another process is training"), folder.locked():
        pass


def test_an_error_in_a_locked_folder_is_no_missing_lock(tmp_path):
    folder = create(tmp_path / "run")
    with pytest.raises(BlockingIOError, match="mine"), folder.locked():
        raise BlockingIOError("mine")


def test_windows_locks_a_byte(tmp_path, monkeypatch):
    taken = []

    def locking(descriptor, mode, size):
        taken.append((mode, size))
        # What is refused is tried once more.
        if len(taken) > 2:
            raise PermissionError(errno.EACCES, "Permission denied")

    windows = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    folder = create(tmp_path / "run")
    with folder.locked(), pytest.raises(FolderError, match="Another process"), folder.locked():
        pass
    assert taken == [(2, 1)] * 4


def test_a_system_with_neither_lock_is_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    create(tmp_path / "run")
    assert "cannot be locked" in caplog.text


def test_what_only_unix_has_is_not_needed_to_import(tmp_path):
    absent = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix_spawn")
    code = f"""
import signal, sys
import jax, optax, equinox, jaxtyping, beartype, tyro, rich
sys.modules.update(dict.fromkeys({absent}))
for name in ("SIGHUP", "SIGUSR1", "SIGALRM", "SIGCHLD"):
    delattr(signal, name)
import minimax_eqx.experiment, minimax_eqx.cli
"""
    process = launch(cwd=tmp_path, code=code)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_file_system_that_cannot_sync_is_warned_of_once(tmp_path, monkeypatch, caplog, name):
    monkeypatch.setattr(os, "fsync", failing(name))
    checkpoints = Checkpoints(tmp_path, 2)
    for cycle in (2, 4):
        checkpoints.save(cycle, {"x": jnp.zeros(3)})
    assert checkpoints.newest().path.stem == "4"
    assert len(caplog.records) == 1
    assert "may be lost with the power" in caplog.text


@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
def test_a_disk_that_fails_is_an_error_that_names_the_file_and_leaves_it(
    tmp_path, monkeypatch, name
):
    (tmp_path / "file").write_text("before")
    before = files(tmp_path)
    for function in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing(name))
            with pytest.raises(OSError, match=str(tmp_path / "file")) as caught:
                _files.write(tmp_path / "file", b"after")
        assert caught.value.errno == getattr(errno, name)
        assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["ENOSYS", "EPERM", "EXDEV", "EEXIST", "EOPNOTSUPP"])
def test_where_nothing_can_be_renamed_it_is_copied(tmp_path, monkeypatch, name, caplog):
    def refuse(*args, **kwargs):
        raise AssertionError("no modes and no times here")

    monkeypatch.setattr(os, "replace", failing(name))
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    folder = create(tmp_path / "run")
    folder.write_evaluation({"cycle": 1})
    folder.write_evaluation({"cycle": 2})
    assert folder.evaluation() == {"cycle": 2}
    assert len(caplog.records) == 1
    assert "it copies" in caplog.text
