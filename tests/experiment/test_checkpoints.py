"""Checkpoints: exact, atomic, verified."""

import errno
import json
import logging
import os
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.experiment import CheckpointError, Checkpoints

from .tiny import assert_same_state


class State(eqx.Module):
    weights: dict
    key: jax.Array
    count: jax.Array
    mask: jax.Array
    empty: jax.Array
    name: str = eqx.field(static=True, default="state")


def state(seed=0, width=3):
    key = jax.random.key(seed)
    return State(
        weights={"a/b": [jax.random.normal(key, (2, width))], ".c": jnp.float32(jnp.nan)},
        key=jax.random.split(key, 2),
        count=jnp.int32(7),
        mask=jnp.array([True, False]),
        empty=jnp.zeros((0, 3), jnp.uint8),
    )


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", keep=2, made_with={"seed": 1, "mazes": ("a",)})


def test_a_state_comes_back_bit_for_bit(checkpoints):
    checkpoints.save(3, state())
    loaded = checkpoints.load(3, state(seed=1))
    assert_same_state(loaded, state())
    assert jax.random.bits(loaded.key[1]) == jax.random.bits(state().key[1])
    assert loaded.name == "state"


def test_loaded_arrays_can_be_donated_and_no_two_share_memory(checkpoints):
    checkpoints.save(3, state())
    loaded = checkpoints.load(3, state())
    moved = eqx.filter_jit(lambda s: jax.tree.map(lambda x: x, s), donate="all")(loaded)
    assert_same_state(moved, state())


def test_the_newest_are_kept(checkpoints):
    for cycle in (2, 4, 10):
        checkpoints.save(cycle, state())
    assert checkpoints.cycles() == [4, 10]


def test_saving_again_replaces(checkpoints):
    checkpoints.save(2, state(seed=1))
    checkpoints.save(2, state())
    assert_same_state(checkpoints.load(2, state()), state())
    assert sorted(os.listdir(checkpoints.path)) == ["2"]


def test_a_partial_checkpoint_is_ignored_and_cleared_away(checkpoints):
    checkpoints.save(2, state())
    shutil.copytree(checkpoints.path / "2", checkpoints.path / ".4.partial")
    shutil.copytree(checkpoints.path / "2", checkpoints.path / ".1.removed")
    assert checkpoints.newest() == 2
    checkpoints.save(6, state())
    assert sorted(os.listdir(checkpoints.path)) == ["2", "6"]


def truncate(path):
    files = [p for p in (path / "arrays").rglob("*") if p.is_file()]
    file = max(files, key=lambda p: p.stat().st_size)
    os.truncate(file, file.stat().st_size // 2)


def flip_a_bit(path):
    file = next(p for p in sorted((path / "arrays").rglob("d/*")) if p.is_file())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def change_manifest(path):
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["arrays"]["count"] = "int32[5]"
    (path / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = {
    "a truncated file": truncate,
    "a flipped bit": flip_a_bit,
    "a missing file": lambda path: next(p for p in path.rglob("d/*") if p.is_file()).unlink(),
    "no arrays": lambda path: shutil.rmtree(path / "arrays"),
    "no manifest": lambda path: (path / "manifest.json").unlink(),
    "an empty manifest": lambda path: (path / "manifest.json").write_text(""),
    "a manifest that is no text": lambda path: (path / "manifest.json").write_bytes(b"\xff\xfe"),
    "a manifest of another kind": lambda path: (path / "manifest.json").write_text("[1]"),
    "a changed manifest": change_manifest,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(checkpoints, damage, caplog):
    shared = checkpoints.save(2, state())
    shutil.copytree(shared, checkpoints.path / "4")
    damage(checkpoints.path / "4")
    with pytest.raises(CheckpointError, match=r"checkpoints.4"):
        checkpoints.load(4, state())
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        assert checkpoints.newest() == 2
    assert_same_state(checkpoints.load(2, state()), state())
    assert "Trying an older one" in caplog.text


def test_a_damaged_newer_checkpoint_does_not_push_out_a_good_one(checkpoints):
    for cycle in (2, 4, 6):
        checkpoints.save(cycle, state())
    for cycle in (4, 6):
        truncate(checkpoints.path / str(cycle))
    checkpoints.keep = 1
    checkpoints.save(3, state())
    assert checkpoints.cycles() == [3, 4, 6]
    assert checkpoints.newest() == 3


def test_without_a_whole_checkpoint_the_error_says_what_is_wrong_with_each(checkpoints):
    with pytest.raises(CheckpointError, match="None has been saved yet"):
        checkpoints.newest()
    checkpoints.save(2, state())
    truncate(checkpoints.path / "2")
    with pytest.raises(CheckpointError, match=r"no usable checkpoint.*2 is damaged"):
        checkpoints.newest()


def test_a_missing_checkpoint_is_an_error(checkpoints):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoints.load(5, state())


def test_other_options_are_refused_by_name(checkpoints):
    checkpoints.save(2, state())
    other = Checkpoints(checkpoints.path, 2, {"seed": 2, "mazes": ("a",)})
    with pytest.raises(CheckpointError, match=r"another configuration: seed \(saved 1, expected 2"):
        other.newest()


def test_other_shapes_are_refused_by_name(checkpoints):
    checkpoints.save(2, state())
    message = r"weights/a/b/0 \(saved float32\[2, 3\], expected float32\[2, 4\]\)"
    with pytest.raises(CheckpointError, match=message):
        checkpoints.load(2, state(width=4))


def test_saving_that_fails_leaves_the_old_checkpoints(checkpoints, monkeypatch):
    checkpoints.save(2, state())

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*checkpoints"):
        checkpoints.save(4, state())
    assert os.listdir(checkpoints.path) == ["2"]
    assert_same_state(checkpoints.load(2, state()), state())
