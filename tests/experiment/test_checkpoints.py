"""Checkpoints: exact, atomic, verified, among other people's files and other processes."""

import errno
import json
import logging
import os
import resource
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._folder import _checkpoints as module
from minimax_eqx._folder._checkpoints import Checkpoints
from minimax_eqx.runners import _saving as saving
from minimax_eqx.runners._saving import CheckpointError

from .tiny import assert_same_state, files


class State(eqx.Module):
    weights: dict
    key: jax.Array
    count: jax.Array
    mask: jax.Array
    empty: jax.Array
    half: jax.Array
    name: str = "state"


def state(seed=0, width=3):
    key = jax.random.key(seed, impl="rbg")
    return State(
        weights={"a/b": [jax.random.normal(key, (2, width))], ".c": jnp.float32(jnp.nan)},
        key=jax.random.split(key, 2),
        count=jnp.int32(7),
        mask=jnp.array([True, False]),
        empty=jnp.zeros((0, 3), jnp.uint8),
        half=jnp.array([1.5, -jnp.inf], jnp.bfloat16),
    )


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", keep=2, made_with={"seed": 1, "mazes": ("a",)})


def cycle_of_newest(checkpoints):
    return int(checkpoints.newest().path.stem)


@pytest.mark.parametrize("like", [state, lambda: eqx.filter_eval_shape(state)])
def test_a_state_comes_back_bit_for_bit_into_arrays_or_their_shapes(checkpoints, like):
    checkpoints.save(3, state())
    loaded = checkpoints.load(3).restore(like())
    assert_same_state(loaded, state())
    assert jax.random.bits(loaded.key[1]) == jax.random.bits(state().key[1])
    assert loaded.name == "state"


def test_what_is_no_array_comes_from_the_template(checkpoints):
    layers = eqx.nn.MLP(2, 2, 4, 1, activation=jax.nn.gelu, key=jax.random.key(0))
    checkpoints.save(3, layers)
    make = eqx.Partial(eqx.nn.MLP, 2, 2, 4, 1, activation=jax.nn.gelu)
    loaded = checkpoints.load(3).restore(eqx.filter_eval_shape(make, key=jax.random.key(1)))
    np.testing.assert_array_equal(loaded(jnp.ones(2)), layers(jnp.ones(2)))


def test_loaded_arrays_can_be_donated_and_no_two_share_memory(checkpoints):
    checkpoints.save(3, state())
    loaded = checkpoints.load(3).restore(state())
    moved = eqx.filter_jit(lambda s: jax.tree.map(lambda x: x, s), donate="all")(loaded)
    assert_same_state(moved, state())


def test_a_checkpoint_is_an_archive_that_numpy_reads(checkpoints):
    with np.load(checkpoints.save(3, state())) as archive:
        assert archive[".count"] == 7
        about = json.loads(archive["manifest"].item())["about"]
    assert about == {"seed": 1, "mazes": ["a"], "cycle": 3}


def test_the_newest_are_kept_and_saving_again_replaces(checkpoints):
    for cycle in (2, 4, 10):
        checkpoints.save(cycle, state(seed=1))
    checkpoints.save(10, state())
    assert checkpoints.cycles() == [4, 10]
    assert_same_state(checkpoints.newest().restore(state()), state())


def test_a_partial_checkpoint_is_ignored_and_cleared_away(checkpoints):
    shared = checkpoints.save(2, state())
    shutil.copy(shared, checkpoints.path / f".4.npz.{'0' * 32}.partial")
    assert cycle_of_newest(checkpoints) == 2
    checkpoints.save(6, state())
    assert sorted(os.listdir(checkpoints.path)) == ["2.npz", "6.npz"]


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[content.index(np.asarray(state().count).tobytes() + b"PK")] ^= 1
    path.write_bytes(content)


def change(path, name, value):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays[name] = value
    np.savez(path, **arrays)


DAMAGES = {
    "a truncated file": lambda path: os.truncate(path, path.stat().st_size // 2),
    "an empty file": lambda path: os.truncate(path, 0),
    "a flipped bit": flip_a_bit,
    "another array": lambda path: change(path, ".count", np.int32(8)),
    "one array more": lambda path: change(path, "more", np.int32(8)),
    "a manifest of another kind": lambda path: change(path, "manifest", np.array(b"[1]")),
    "a manifest that is no text": lambda path: change(path, "manifest", np.array(b"\xff\xfe")),
    "code": lambda path: np.save(path.open("wb"), np.array([print]), allow_pickle=True),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(checkpoints, damage, caplog):
    shutil.copy(checkpoints.save(2, state()), checkpoints.path / "4.npz")
    damage(checkpoints.path / "4.npz")
    with pytest.raises(CheckpointError, match=r"checkpoints.4.npz is damaged"):
        checkpoints.load(4)
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        assert cycle_of_newest(checkpoints) == 2
    assert "Trying an older one" in caplog.text


def test_a_damaged_newer_checkpoint_does_not_push_out_a_good_one(checkpoints):
    for cycle in (2, 4, 6):
        checkpoints.save(cycle, state())
    for cycle in (4, 6):
        os.truncate(checkpoints.path / f"{cycle}.npz", 100)
    checkpoints.keep = 1
    checkpoints.save(3, state())
    assert checkpoints.cycles() == [3, 4, 6]
    assert cycle_of_newest(checkpoints) == 3


def test_without_a_whole_checkpoint_the_error_says_what_is_wrong_with_each(checkpoints):
    with pytest.raises(CheckpointError, match="None has been saved yet"):
        checkpoints.newest()
    os.truncate(checkpoints.save(2, state()), 100)
    with pytest.raises(CheckpointError, match=r"no usable checkpoint.*2.npz is damaged"):
        checkpoints.newest()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoints.load(5)


def test_other_options_and_other_shapes_are_refused_by_name(checkpoints):
    checkpoints.save(2, state())
    other = Checkpoints(checkpoints.path, 2, {"seed": 2, "mazes": ("a",)})
    with pytest.raises(CheckpointError, match=r"another configuration: seed \(saved 1, expected 2"):
        other.newest()
    message = r"weights\['a/b'\]\[0\] \(saved float32\[2, 3\], expected float32\[2, 4\]\)"
    with pytest.raises(CheckpointError, match=message):
        checkpoints.newest().restore(state(width=4))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_saving_that_fails_leaves_the_old_checkpoints(checkpoints, monkeypatch, error):
    def fail(*_):
        raise error

    checkpoints.save(2, state())
    before = files(checkpoints.path)
    monkeypatch.setattr(os, "fsync", fail)
    for cycle in (2, 4):
        with pytest.raises(type(error)) as caught:
            checkpoints.save(cycle, state())
        assert files(checkpoints.path) == before
    assert isinstance(error, KeyboardInterrupt) or "4.npz" in str(caught.value)


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


def test_what_others_keep_beside_checkpoints_is_neither_read_nor_changed(checkpoints):
    path = checkpoints.path
    path.mkdir()
    names = (".DS_Store", ".nfs0000a1", "._4.npz", "notes.npz", ".4.npz", "08.npz", "\uff14.npz")
    for name in names:
        (path / name).write_text(f"of others: {name}")
    (path / "lost+found").mkdir()
    (path / "5.npz").mkdir()
    (path / "5.npz" / "notes").write_text("of others")
    before = files(path)
    for cycle in (2, 4, 6):
        checkpoints.save(cycle, state())
        assert before.items() <= files(path).items()
    assert checkpoints.cycles() == [4, 6]
    assert cycle_of_newest(checkpoints) == 6


def test_a_checkpoint_that_is_a_link_is_read_and_never_removed(checkpoints, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(checkpoints.save(2, state()), elsewhere)
    (checkpoints.path / "2.npz").symlink_to(elsewhere)
    assert_same_state(checkpoints.load(2).restore(state()), state())
    for cycle in (4, 6, 8):
        checkpoints.save(cycle, state())
    assert checkpoints.cycles() == [2, 6, 8]
    assert elsewhere.is_file()


def test_an_old_checkpoint_that_cannot_be_removed_stops_nothing(checkpoints, monkeypatch, caplog):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    for cycle in (2, 4):
        checkpoints.save(cycle, state())
    monkeypatch.setattr(type(checkpoints.path), "unlink", refuse)
    checkpoints.save(6, state())
    assert "could not be removed (Permission denied)" in caplog.text
    monkeypatch.undo()
    checkpoints.save(8, state())
    assert checkpoints.cycles() == [6, 8]


def test_a_checkpoint_removed_before_it_is_read_is_another_choice(checkpoints, monkeypatch, caplog):
    def while_training_goes_on(path):
        if path.stem == "2":
            checkpoints.save(4, state())
        return read(path)

    checkpoints.save(2, state(seed=1))
    checkpoints.keep = 1
    read = module.read
    monkeypatch.setattr(module, "read", while_training_goes_on)
    assert cycle_of_newest(checkpoints) == 4
    assert caplog.text == ""


def test_loading_the_newest_hashes_it_once_and_no_other(checkpoints, monkeypatch):
    hashed = []

    def digest(manifest, arrays):
        hashed.append(manifest)
        return real(manifest, arrays)

    for cycle in (2, 4):
        checkpoints.save(cycle, state())
    real = saving._digest
    monkeypatch.setattr(saving, "_digest", digest)
    checkpoints.newest().restore(state())
    assert len(hashed) == 1
