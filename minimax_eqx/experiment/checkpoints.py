"""Saving the whole training state, and loading it back exactly.

A checkpoint is an Orbax tree of plain arrays beside a manifest: what configuration it is of, the
shape of every array, and the size and SHA-256 of every file. It appears under its name only when it
is complete and on the disk, and loading runs no code from it.
"""

import hashlib
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

State = TypeVar("State")

MANIFEST, ARRAYS = "manifest.json", "arrays"
# Folders whose names start with a dot are being written or removed; they count as not there.
_HIDDEN = "."


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another configuration."""


class Checkpoints:
    """The checkpoints in one folder, each named by its cycle.

    Arguments:

    - `path`: the folder; made when the first checkpoint is saved.
    - `keep`: how many are kept, at least 1.
    - `made_with`: options that the state depends on, by name, as JSON can hold them. They are
      saved too, and a checkpoint made with others is refused.
    """

    def __init__(self, path: pathlib.Path, keep: int, made_with: Mapping[str, Any] | None = None):
        self.path = path.absolute()
        self.keep = keep
        # The same values whether they have been through a file or not (tuples become lists).
        self.made_with = json.loads(json.dumps(dict(made_with or {})))

    def cycles(self) -> list[int]:
        """The cycles that checkpoints are there for, oldest first, whole or not."""
        if not self.path.is_dir():
            return []
        return sorted(int(p.name) for p in self.path.iterdir() if p.name.isdecimal())

    def save(self, cycle: int, state: PyTree) -> pathlib.Path:
        """Writes a checkpoint, then removes all but the newest `keep` up to this one.

        Later ones are left alone: a run that continues from an older checkpoint has found them
        damaged, and replaces them as it gets there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.glob(f"{_HIDDEN}*"):
            shutil.rmtree(leftover)
        partial, final = self.path / f"{_HIDDEN}{cycle}.partial", self.path / str(cycle)
        partial.mkdir()
        arrays = _to_plain(state)
        # Orbax refuses empty arrays; their shape, in the manifest, is all there is to them.
        _orbax_save(partial / ARRAYS, {k: v for k, v in arrays.items() if v.size > 0})
        manifest = {
            "cycle": cycle,
            "made_with": self.made_with,
            "arrays": {name: _shape(array) for name, array in arrays.items()},
            "files": _digests(partial),
        }
        manifest["sha256"] = _digest_of(manifest)
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1))
        for file in (*partial.rglob("*"), partial):
            sync(file)
        self._remove(cycle)
        os.replace(partial, final)
        sync(self.path)
        for old in [c for c in self.cycles() if c <= cycle][: -self.keep]:
            self._remove(old)
        return final

    def load(self, cycle: int, like: State) -> State:
        """The state saved at `cycle`; `like` has its structure, shapes and dtypes.

        Raises `CheckpointError` if it is missing, damaged, or of another configuration.
        """
        path = self.path / str(cycle)
        manifest = _verify(path)
        self._check_made_with(path, manifest["made_with"])
        expected = _to_plain(like)
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
        return _from_plain(_orbax_restore(path / ARRAYS) | empty, like)

    def newest(self) -> int:
        """The cycle of the newest checkpoint that verifies.

        Damaged ones are passed over with a warning in the log. Raises `CheckpointError` if none is
        left, and if the newest whole one is of another configuration.
        """
        problems = []
        for cycle in reversed(self.cycles()):
            path = self.path / str(cycle)
            try:
                manifest = _verify(path)
            except CheckpointError as error:
                problems.append(str(error))
                logging.getLogger("minimax_eqx").warning("%s Trying an older one.", error)
                continue
            self._check_made_with(path, manifest["made_with"])
            return cycle
        reason = " ".join(problems) or "None has been saved yet."
        raise CheckpointError(f"There is no usable checkpoint in {self.path}. {reason}")

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

    def _remove(self, cycle: int) -> None:
        """Removes a checkpoint, if it is there, at once: none is ever seen half removed."""
        removed = self.path / f"{_HIDDEN}{cycle}.removed"
        if (self.path / str(cycle)).exists():
            os.replace(self.path / str(cycle), removed)
            shutil.rmtree(removed)


def sync(path: pathlib.Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _orbax_save(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    with _checkpointer() as checkpointer:
        checkpointer.save(path, arrays)


def _orbax_restore(path: pathlib.Path) -> dict[str, np.ndarray]:
    with _checkpointer() as checkpointer:
        return dict(checkpointer.restore(path))


def _checkpointer() -> Any:
    orbax = _orbax()
    if jax.process_count() == 1:
        return orbax.PyTreeCheckpointer()
    # This process alone, with whole arrays; the others train, and would wait to be met.
    alone = orbax.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix="minimax_eqx",
    )
    handler = orbax.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return orbax.Checkpointer(handler, multiprocessing_options=alone)


def _orbax() -> Any:
    # Slow to import; a run that is refused for its options should not wait for it.
    import orbax.checkpoint

    # It reports every step it takes.
    logging.getLogger("absl").setLevel(logging.ERROR)
    return orbax.checkpoint


def _to_plain(state: PyTree) -> dict[str, np.ndarray]:
    """Names and arrays, as Orbax stores them; typed keys become their data."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(state, eqx.is_array))
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(
            jax.random.key_data(leaf) if _is_key(leaf) else leaf
        )
        for path, leaf in leaves
    }


def _from_plain(plain: dict[str, np.ndarray], like: State) -> State:
    def leaf(path, old):
        if not eqx.is_array(old):
            return old
        # A copy, which nothing else refers to: training donates it.
        data = jnp.array(plain[jax.tree_util.keystr(path, simple=True, separator="/")], copy=True)
        if _is_key(old):
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(old))
        return data

    return jax.tree_util.tree_map_with_path(leaf, like)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _shape(array: np.ndarray | None) -> str:
    return "nothing" if array is None else f"{array.dtype.name}{list(array.shape)}"


def _first(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (" and more" if len(texts) > 3 else "")


def _digests(path: pathlib.Path) -> dict[str, dict[str, int | str]]:
    digests = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name != MANIFEST:
            with open(file, "rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            digests[str(file.relative_to(path))] = {"bytes": file.stat().st_size, "sha256": sha256}
    return digests


def _digest_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _verify(path: pathlib.Path) -> dict[str, Any]:
    """The manifest of a checkpoint whose files are as they were written."""
    if not path.is_dir():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        whole = manifest.pop("sha256") == _digest_of(manifest)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"The checkpoint {path} has no readable {MANIFEST}.") from error
    if not whole:
        raise CheckpointError(f"The checkpoint {path} is damaged: {MANIFEST} was changed.")
    files, found = manifest["files"], _digests(path)
    for name in sorted(files.keys() | found.keys()):
        if found.get(name) != files.get(name):
            raise CheckpointError(
                f"The checkpoint {path} is damaged: {name} is not as it was written."
            )
    return manifest
