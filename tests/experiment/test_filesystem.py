"""File systems and operating systems without some operation."""

import errno
import fcntl
import os
import sys
import types

import jax.numpy as jnp
import pytest

from minimax_eqx.experiment import Checkpoints, FolderError, RunFolder
from minimax_eqx.experiment import _filesystem as filesystem
from minimax_eqx.experiment._filesystem import move, sync

from .tiny import CONFIG, files, launch

NOT_THERE = ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL", "ENOTSUP")


@pytest.fixture(autouse=True)
def _nothing_was_said_before():
    filesystem.warn_once.cache_clear()


def failing(name):
    """A function of the operating system that answers with that error."""

    def fail(*args, **kwargs):
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_file_system_without_locks_is_warned_of_once(tmp_path, monkeypatch, caplog, name):
    monkeypatch.setattr(fcntl, "flock", failing(name))
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    with folder.locked(), folder.locked():
        pass
    assert len(caplog.records) == 1
    assert "no second process trains" in caplog.text


@pytest.mark.parametrize("name", ["EWOULDBLOCK", "EACCES"])
def test_a_lock_that_another_process_has_is_no_missing_lock(tmp_path, monkeypatch, name):
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    monkeypatch.setattr(fcntl, "flock", failing(name))
    with pytest.raises(FolderError, match="Another process is training"), folder.locked():
        pass


def test_an_error_in_a_locked_folder_is_no_missing_lock(tmp_path):
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    with pytest.raises(BlockingIOError, match="mine"), folder.locked():
        raise BlockingIOError("mine")


def test_windows_locks_a_byte(tmp_path, monkeypatch):
    taken = []

    def locking(descriptor, mode, size):
        taken.append((mode, size))
        if len(taken) > 2:
            raise PermissionError(errno.EACCES, "Permission denied")

    windows = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    with folder.locked(), pytest.raises(FolderError, match="Another process"), folder.locked():
        pass
    assert taken == [(2, 1)] * 3


def test_a_system_with_neither_lock_is_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    RunFolder.create(tmp_path / "run", CONFIG)
    assert "cannot be locked" in caplog.text


def test_what_only_unix_has_is_not_needed_to_import(tmp_path):
    absent = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix_spawn")
    code = f"""
import signal, sys
import jax, optax, equinox, jaxtyping, beartype, matplotlib, tyro, rich
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
    assert checkpoints.newest() == 4
    assert len(caplog.records) == 1
    assert "may be lost with the power" in caplog.text


def test_a_folder_that_cannot_be_synced_is_none_to_speak_of(tmp_path, monkeypatch, caplog):
    def no_folders(path, flags, *args, **kwargs):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))  # as Windows says
        return opened(path, flags, *args, **kwargs)

    opened = os.open
    monkeypatch.setattr(os, "open", no_folders)
    sync(tmp_path)
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
def test_a_disk_that_fails_is_an_error_that_names_the_file(tmp_path, monkeypatch, name):
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", failing(name))
    for path in (tmp_path / "file", tmp_path):
        with pytest.raises(OSError, match=str(path)) as caught:
            sync(path)
        assert caught.value.errno == getattr(errno, name)


@pytest.mark.parametrize("name", ["ENOSYS", "EPERM", "EXDEV", "EEXIST", "EOPNOTSUPP"])
def test_where_nothing_can_be_renamed_it_is_copied(tmp_path, monkeypatch, name, caplog):
    def refuse(*args, **kwargs):
        raise AssertionError("no modes and no times here")

    monkeypatch.setattr(os, "replace", failing(name))
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    checkpoints = Checkpoints(tmp_path / "checkpoints", 2)
    for cycle in (2, 4, 4, 6):
        checkpoints.save(cycle, {"x": jnp.full(3, float(cycle))})
    assert sorted(os.listdir(checkpoints.path)) == ["4", "6"]
    assert checkpoints.load(checkpoints.newest(), {"x": jnp.zeros(3)})["x"][0] == 6
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    folder.write_evaluation({"cycle": 1})
    folder.write_evaluation({"cycle": 2})
    assert folder.evaluation() == {"cycle": 2}
    assert len(caplog.records) == 1


def test_a_rename_that_fails_for_want_of_space_is_not_copied(tmp_path, monkeypatch):
    (tmp_path / "source").write_text("new")
    (tmp_path / "target").write_text("old")
    before = files(tmp_path)
    monkeypatch.setattr(os, "replace", failing("ENOSPC"))
    with pytest.raises(OSError, match="No space left"):
        move(tmp_path / "source", tmp_path / "target")
    assert files(tmp_path) == before
