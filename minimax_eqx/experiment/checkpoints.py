"""Saving the whole training state, and loading it back exactly.

A checkpoint is an Orbax tree of plain arrays beside a manifest with the size and SHA-256 of every
file. It appears under its name only when it is complete, and loading runs no code from it.
"""

import hashlib
import json
import logging
import os
import pathlib
import shutil
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

State = TypeVar("State")

MANIFEST, ARRAYS = "manifest.json", "arrays"


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another configuration."""


class Checkpoints:
    """The checkpoints in one folder, each named by its cycle."""

    def __init__(self, path: pathlib.Path, keep: int):
        self.path = path.absolute()
        self.keep = keep

    def cycles(self) -> list[int]:
        """The cycles that checkpoints are there for, oldest first, whole or not."""
        if not self.path.is_dir():
            return []
        return sorted(int(p.name) for p in self.path.iterdir() if p.name.isdigit())

    def save(self, cycle: int, state: PyTree) -> pathlib.Path:
        """Writes a checkpoint, then removes all but the newest `keep`."""
        partial, final = self.path / f".{cycle}.partial", self.path / str(cycle)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _orbax().save(partial / ARRAYS, _to_plain(state))
        _write_manifest(partial, cycle)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        for old in self.cycles()[: -self.keep]:
            shutil.rmtree(self.path / str(old))
        return final

    def load(self, cycle: int, like: State) -> State:
        """The state saved at `cycle`; `like` has its structure, shapes and dtypes.

        Raises `CheckpointError` if it is missing, damaged, or of another shape.
        """
        path = self.path / str(cycle)
        _verify(path)
        expected = _to_plain(like)
        found = {k: v for k, v in _orbax().metadata(path / ARRAYS).items()}
        differing = [
            f"{name} (saved {_shape(found.get(name))}, expected {_shape(expected.get(name))})"
            for name in sorted(found.keys() | expected.keys())
            if _shape(found.get(name)) != _shape(expected.get(name))
        ]
        if differing:
            raise CheckpointError(
                f"The checkpoint {path} was made with another configuration; these arrays differ: "
                f"{', '.join(differing[:3])}{' and more' if len(differing) > 3 else ''}."
            )
        return _from_plain(_orbax().restore(path / ARRAYS), like)

    def load_newest(self, like: State) -> tuple[int, State]:
        """The newest checkpoint that verifies, and its cycle.

        Damaged ones are passed over with a warning in the log. Raises `CheckpointError` if none is
        left, and if the newest whole one is of another configuration.
        """
        problems = []
        for cycle in reversed(self.cycles()):
            try:
                _verify(self.path / str(cycle))
            except CheckpointError as error:
                problems.append(str(error))
                logging.getLogger("minimax_eqx").warning("%s Trying an older one.", error)
                continue
            return cycle, self.load(cycle, like)
        reason = " ".join(problems) or "None has been saved yet."
        raise CheckpointError(f"There is no usable checkpoint in {self.path}. {reason}")


def _orbax():
    # Slow to import; a run that is refused for its options should not wait for it.
    logging.getLogger("absl").setLevel(logging.ERROR)
    import orbax.checkpoint as ocp

    return _Orbax(ocp)


class _Orbax:
    def __init__(self, ocp):
        self._ocp = ocp

    def save(self, path, arrays):
        with self._ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(path, arrays)

    def metadata(self, path):
        with self._ocp.StandardCheckpointer() as checkpointer:
            metadata = checkpointer.metadata(path)
        return getattr(metadata, "item_metadata", metadata)

    def restore(self, path):
        with self._ocp.PyTreeCheckpointer() as checkpointer:
            return checkpointer.restore(path)


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
        data = plain[jax.tree_util.keystr(path, simple=True, separator="/")]
        if _is_key(old):
            return jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(old))
        return jnp.asarray(data, dtype=old.dtype)

    return jax.tree_util.tree_map_with_path(leaf, like)


def _is_key(leaf) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _shape(array) -> str:
    return "nothing" if array is None else f"{np.dtype(array.dtype).name}{list(array.shape)}"


def _digests(path: pathlib.Path) -> dict[str, dict[str, int | str]]:
    return {
        str(file.relative_to(path)): {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def _write_manifest(path: pathlib.Path, cycle: int) -> None:
    content = {"cycle": cycle, "files": _digests(path)}
    (path / MANIFEST).write_text(json.dumps(content, indent=1))
    for file in path.rglob("*"):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _verify(path: pathlib.Path) -> None:
    if not path.is_dir():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        files = json.loads((path / MANIFEST).read_text())["files"]
    except (OSError, KeyError, json.JSONDecodeError, TypeError) as error:
        raise CheckpointError(f"The checkpoint {path} has no readable {MANIFEST}.") from error
    found = _digests(path)
    for name, digest in files.items():
        if found.get(name) != digest:
            raise CheckpointError(
                f"The checkpoint {path} is damaged: {name} is not as it was written."
            )
