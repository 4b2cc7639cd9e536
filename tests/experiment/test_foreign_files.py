"""Checkpoints among other people's files, and while another process reads them."""

import os
import pathlib
import resource
import shutil

import jax.numpy as jnp
import pytest

from minimax_eqx.experiment import CheckpointError, Checkpoints
from minimax_eqx.experiment import _checkpoints as module
from minimax_eqx.experiment._arrays import restore_arrays

from .tiny import files


def state(number=0.0, size=3):
    return {"weights": jnp.full(size, number), "count": jnp.int32(7)}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", keep=2)


@pytest.fixture
def foreign(checkpoints):
    """What is beside checkpoints in the world, by relative path."""
    path = checkpoints.path
    for name in (
        ".DS_Store",
        "Thumbs.db",
        ".nfs0000a1",
        "._4",
        "notes.txt",
        ".4",
        "7",
        "08",
        "\uff14",
    ):
        path.mkdir(exist_ok=True)
        (path / name).write_text(f"of others: {name}")
    for name in ("lost+found", "2024", "5", ".Trash-1000", "4.old", ".partial"):
        (path / name).mkdir()
        (path / name / "notes").write_text(f"of others: {name}")
    (path / "latest").symlink_to("6")
    (path / "3").symlink_to("nowhere")
    (path / ".2.partial").symlink_to("2024")
    return files(path)


def is_there(before, path):
    after = files(path)
    return all(after.get(file) == content for file, content in before.items())


def test_what_others_keep_beside_checkpoints_is_neither_read_nor_changed(checkpoints, foreign):
    for cycle in (2, 4, 6):
        checkpoints.save(cycle, state(cycle))
        assert is_there(foreign, checkpoints.path)
    assert checkpoints.cycles() == [4, 6]
    assert checkpoints.newest() == 6
    assert os.readlink(checkpoints.path / "3") == "nowhere"


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_in_the_way_of_a_checkpoint_is_moved_aside(checkpoints, kind, caplog):
    path = checkpoints.path / "4"
    checkpoints.path.mkdir()
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "notes").write_text("mine")
    else:
        path.symlink_to("nowhere")
    checkpoints.save(4, state(4.0))
    assert checkpoints.load(4, state())["weights"][0] == 4
    assert sorted(os.listdir(checkpoints.path)) == ["4", "4.moved-1"]
    assert "was in the way of a checkpoint" in caplog.text


INSIDE = (".DS_Store", "notes", "arrays/._x", "arrays/more", "arrays/d/.nfs0000a1")


def put_inside(path):
    for name in INSIDE:
        (path / name).write_text(name)


def test_a_folder_that_may_not_be_looked_into_is_no_checkpoint(checkpoints, monkeypatch):
    def stat(path, *args, **kwargs):
        if "2024" in pathlib.Path(path).parts:
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, *args, **kwargs)

    (checkpoints.path / "2024").mkdir(parents=True)
    looked = os.stat
    monkeypatch.setattr(os, "stat", stat)
    checkpoints.save(2, state())
    assert checkpoints.cycles() == [2]


def test_what_others_put_into_a_checkpoint_leaves_it_usable(checkpoints):
    put_inside(checkpoints.save(2, state(2.0)))
    assert checkpoints.newest() == 2
    assert checkpoints.load(2, state())["weights"][0] == 2


def test_what_others_put_into_a_checkpoint_outlives_it(checkpoints):
    put_inside(checkpoints.save(2, state()))
    for cycle in (4, 6, 8):
        checkpoints.save(cycle, state())
        left = {str(p.relative_to(checkpoints.path / "2")) for p in files(checkpoints.path / "2")}
        assert left == set(INSIDE) or cycle == 4
    assert checkpoints.cycles() == [6, 8]


def test_what_others_put_into_a_checkpoint_is_beside_the_one_that_replaces_it(checkpoints):
    put_inside(checkpoints.save(2, state()))
    checkpoints.save(2, state(1.0))
    checkpoints.save(4, state())
    assert sorted(os.listdir(checkpoints.path)) == ["2", "2.moved-1", "4"]
    assert len(files(checkpoints.path / "2.moved-1")) == len(INSIDE)
    assert checkpoints.load(2, state())["weights"][0] == 1


def test_a_removal_that_was_killed_is_finished_without_others_files(checkpoints):
    path = checkpoints.save(2, state())
    put_inside(path)
    os.rename(path, checkpoints.path / ".2.removed")
    checkpoints.save(4, state())
    assert sorted(os.listdir(checkpoints.path)) == ["2", "4"]
    assert len(files(checkpoints.path / "2")) == len(INSIDE)
    assert checkpoints.cycles() == [4]


def test_a_file_that_comes_and_goes_while_saving_is_no_part_of_a_checkpoint(
    checkpoints, monkeypatch
):
    def save_arrays(path, arrays):
        saved(path, arrays)
        (path / ".nfs0000a1").write_text("deleted, and open in some process")

    saved = module.save_arrays
    monkeypatch.setattr(module, "save_arrays", save_arrays)
    path = checkpoints.save(2, state())
    (path / "arrays" / ".nfs0000a1").unlink()
    assert checkpoints.newest() == 2


def test_a_checkpoint_that_is_a_link_is_read_and_never_removed(checkpoints, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(checkpoints.save(2, state(2.0)), elsewhere)
    (checkpoints.path / "2").symlink_to(elsewhere)
    assert checkpoints.load(2, state())["weights"][0] == 2
    before = files(elsewhere)
    for cycle in (4, 6, 8):
        checkpoints.save(cycle, state())
    assert checkpoints.cycles() == [2, 6, 8]
    assert files(elsewhere) == before


def test_a_manifest_that_names_files_outside_removes_none_of_them(
    checkpoints, tmp_path, monkeypatch
):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    names = {"../../precious": {}, str(precious): {}, "arrays/../../../precious": {}}
    checkpoints.save(2, state())
    monkeypatch.setattr(module, "read_manifest", lambda path: {"files": names})
    for cycle in (4, 6):
        checkpoints.save(cycle, state())
    assert precious.read_text() == "mine"


def test_a_replaced_checkpoint_that_cannot_be_removed_stops_nothing(
    checkpoints, monkeypatch, caplog
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    checkpoints.save(2, state())
    monkeypatch.setattr(module, "_remove_what_is_ours", refuse)
    checkpoints.save(2, state(1.0))
    assert checkpoints.load(2, state())["weights"][0] == 1
    assert "could not be removed" in caplog.text


def test_an_old_checkpoint_that_cannot_be_removed_stops_nothing(checkpoints, monkeypatch, caplog):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    for cycle in (2, 4):
        checkpoints.save(cycle, state())
    monkeypatch.setattr(module, "_remove_what_is_ours", refuse)
    checkpoints.save(6, state())
    assert checkpoints.cycles() == [4, 6]
    assert "could not be removed (Permission denied)" in caplog.text
    monkeypatch.undo()
    checkpoints.save(8, state())
    assert sorted(os.listdir(checkpoints.path)) == ["6", "8"]


def test_a_full_disk_is_an_error_that_names_the_checkpoint_and_leaves_those_before(checkpoints):
    checkpoints.save(2, state())
    before = files(checkpoints.path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit[1]))
    try:
        with pytest.raises(OSError, match=r"checkpoints.*4"):
            checkpoints.save(4, {"noise": jnp.arange(50_000.0) ** 0.5})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert files(checkpoints.path) == before


def test_a_checkpoint_removed_before_it_is_read_is_another_choice(checkpoints):
    checkpoints.save(2, state(2.0))
    checkpoints.keep = 1

    def while_training_goes_on():
        checkpoints.save(4, state(4.0))
        return state()

    assert checkpoints.load_newest(while_training_goes_on)["weights"][0] == 4


def test_a_checkpoint_removed_while_it_is_verified_is_another_choice(
    checkpoints, monkeypatch, caplog
):
    def verified_manifest(path):
        if path.name == "2":
            checkpoints.save(4, state(4.0))
        return verify(path)

    checkpoints.save(2, state(2.0))
    checkpoints.keep = 1
    verify = module.verified_manifest
    monkeypatch.setattr(module, "verified_manifest", verified_manifest)
    assert checkpoints.newest() == 4
    assert caplog.text == ""


def test_a_checkpoint_removed_while_its_arrays_are_read_is_another_choice(checkpoints, monkeypatch):
    def restore(path):
        if path.parent.name == "2":
            checkpoints.save(4, state(4.0))
        return restore_arrays(path)

    checkpoints.save(2, state(2.0))
    checkpoints.keep = 1
    monkeypatch.setattr(module, "restore_arrays", restore)
    assert checkpoints.load_newest(state)["weights"][0] == 4


def test_a_whole_checkpoint_that_does_not_fit_is_not_chosen_again(checkpoints):
    checkpoints.save(2, state())
    with pytest.raises(CheckpointError, match="another program"):
        checkpoints.load_newest(lambda: state(size=4))
