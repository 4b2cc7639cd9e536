"""What a run keeps of its curriculum, so that a report can show it."""

import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._files import FolderError
from minimax_eqx._folder import _family
from minimax_eqx._folder._family import Family
from minimax_eqx._folder._level_arrays import packed, unpacked
from minimax_eqx._folder._record import Record
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.curricula._stored import StoredLevels
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.experiment._record_curriculum import look_at

from .tiny import resume


def family_of(fingerprints, parents, cycle=1):
    size = len(fingerprints)
    return Family(
        np.array(fingerprints, np.uint64),
        np.array(parents, np.uint64),
        np.full(size, cycle),
        np.zeros(size, np.int32),
        [np.arange(10 * size, dtype=np.uint8).reshape(size, 10)],
    )


def stored_of(scores, **others):
    """Levels that are numbers, the last slot without one."""
    size = len(scores)
    scores, numbers = jnp.array(scores), jnp.arange(size, dtype=jnp.uint32)
    filled = jnp.isfinite(scores)
    return jax.device_get(
        StoredLevels(
            levels=numbers,
            filled=filled,
            chances=filled.astype(jnp.float32) / jnp.sum(filled, dtype=jnp.float32),
            fingerprints=jnp.stack([numbers, numbers + 7], axis=1),
            scores=scores,
            **others,
        )
    )


def assert_same_record(one, other):
    assert len(one.looks) == len(other.looks) > 0
    for look, again in zip(one.looks, other.looks, strict=True):
        jax.tree.map(
            np.testing.assert_array_equal, dataclasses.asdict(look), dataclasses.asdict(again)
        )
    jax.tree.map(np.testing.assert_array_equal, one.family.arrays(), other.family.arrays())


def test_an_ancestor_is_found_through_all_generations_and_only_once_recorded():
    family = Family.empty().meet(family_of([1, 2], [0, 0]), np.zeros(2))
    family = family.meet(family_of([2, 3, 4], [0, 2, 3], cycle=5), np.zeros(3))
    assert family.fingerprints.tolist() == [1, 2, 3, 4]
    assert family.cycles.tolist() == [1, 1, 5, 5]
    assert [int(family.fingerprints[i]) for i in family.line_of(4)] == [2, 3, 4]
    assert family.line_of(99) == []
    assert family.until(1).fingerprints.tolist() == [1, 2]


def test_a_full_family_keeps_the_ancestors_of_the_best(monkeypatch):
    monkeypatch.setattr(_family, "MOST_BYTES", 5 * (8 + 8 + 8 + 4 + 10))
    family = Family.empty().meet(family_of([1, 2, 3, 4, 5], [0, 1, 0, 0, 3]), np.zeros(5))
    family = family.meet(family_of([2, 5, 6], [1, 3, 2], cycle=2), np.array([0.0, 0.1, 0.9]))
    assert family.fingerprints.tolist() == [1, 2, 6]  # and then [5] has no room with its parent
    assert [int(family.fingerprints[i]) for i in family.line_of(6)] == [1, 2, 6]


def test_a_look_shows_the_best_first_and_how_chances_are_spread(tmp_path):
    stored = stored_of([0.5, 2.0, 1.0, -np.inf], success_rates=jnp.array([0.1, 0.2, -1, 0]))
    look = look_at(stored, Ledger(cycle=3, updates=2, env_steps=64))
    assert look.levels[0].tolist() == [1, 2, 0]
    assert look.known["scores"].tolist() == [2.0, 1.0, 0.5]
    assert look.known["success_rates"].tolist() == pytest.approx([0.2, -1, 0.1])
    assert "ages" not in look.known
    assert (look.num_stored, look.capacity, look.num_half) == (3, 4, 2)
    assert look.entropy == pytest.approx(np.log(3))
    record = Record([look], family_of([1, 2], [0, 1]))
    record.write(tmp_path / "curriculum.npz")
    assert_same_record(Record.read(tmp_path / "curriculum.npz"), record)


def test_levels_come_back_from_their_arrays():
    levels = {
        "walls": np.random.default_rng(0).random((3, 5, 7)) < 0.5,
        "key": jax.random.split(jax.random.key(0), 3),
        "place": jnp.arange(6).reshape(3, 2),
    }
    spec = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), levels)
    again = unpacked(packed(levels), spec)
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), levels, again)))
    spec["walls"] = jax.ShapeDtypeStruct((9, 9), bool)
    with pytest.raises(ValueError, match="another number than 81"):
        unpacked(packed(levels), spec)


def test_a_resumed_run_has_the_record_of_one_that_was_never_stopped(finished, run_path, caplog):
    whole = finished[0].folder.record()
    assert [look.cycle for look in whole.looks] == [2, 4, 6, 8]
    assert all(look.size == 2 for look in whole.looks)
    (run_path / "checkpoints" / "8.npz").unlink()
    resume(run_path)
    assert_same_record(RunFolder(run_path).record(), whole)
    # One that nobody can read costs the pictures and nothing else.
    (run_path / "curriculum.npz").write_bytes(b"not an archive")
    with pytest.raises(FolderError, match=r"curriculum\.npz cannot be read"):
        RunFolder(run_path).record()
    (run_path / "checkpoints" / "8.npz").unlink()
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        resume(run_path)
    assert "The curriculum is recorded from here on" in caplog.text
    assert RunFolder(run_path).record().looks[-1].cycle == 8
