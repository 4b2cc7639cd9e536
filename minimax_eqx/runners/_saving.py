"""A runner, or any other tree of arrays, in one file, and back bit for bit.

The file is a NumPy archive: every array under its place in the tree, and a manifest with their
shapes and a SHA-256 of all of it. Loading runs no code.
"""

import hashlib
import io
import json
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._files import resolved, write
from .._types import PyTree, State

MANIFEST = "manifest"


class CheckpointError(ValueError):
    """A saved state that is missing, damaged, or of another configuration."""


class DamagedError(CheckpointError):
    """A saved state that is missing, or is not as it was written."""


@dataclass(frozen=True)
class Saved:
    """What is in a file: arrays by their places, and what was said about them."""

    path: pathlib.Path
    arrays: Mapping[str, np.ndarray]
    shapes: Mapping[str, str]
    about: Mapping[str, Any]

    def restore(self, like: State) -> State:
        """The state. Its structure, and whatever is no array, are those of `like`, which may hold
        `jax.ShapeDtypeStruct`s for arrays.

        Raises `CheckpointError`, naming arrays, for other shapes or types than were saved.
        """
        expected = {name: shape_of(_data_spec(leaf)) for name, leaf in named_arrays(like)}
        names = sorted(self.shapes.keys() | expected.keys())
        if self.shapes != expected:
            differing = told_apart(self.shapes, expected, names)
            raise CheckpointError(
                f"{self.path} is of another program; arrays differ: {differing}. Load it with the "
                "experiment, and the version of this package, that it was saved with."
            )

        def leaf(place, old):
            if not _is_array(old):
                return old
            # NumPy's archives know no types but its own; the others have the same bytes.
            saved = self.arrays[jax.tree_util.keystr(place)].view(_data_spec(old).dtype)
            # A copy, which nothing else refers to: training donates it.
            data = jnp.array(saved, copy=True)
            return jax.random.wrap_key_data(data, impl=_impl(old)) if _is_key(old) else data

        return jax.tree_util.tree_map_with_path(leaf, like)


def save(
    path: pathlib.Path | str, state: PyTree, about: Mapping[str, Any] | None = None
) -> pathlib.Path:
    """Writes the arrays of a state into a file, which is replaced at once or not at all.

    `about` is kept with them, as JSON. Raises `OSError`, naming the file, if it cannot be written.
    """
    return write_arrays(path, {n: np.asarray(data_of(a)) for n, a in named_arrays(state)}, about)


def copy_on_host(state: PyTree) -> dict[str, np.ndarray]:
    """The arrays of a state by their places, in memory of their own: a program that runs later may
    reuse the state's."""
    arrays = jax.device_get({name: data_of(leaf) for name, leaf in named_arrays(state)})
    return {name: np.array(array, copy=True) for name, array in arrays.items()}


def write_arrays(
    path: pathlib.Path | str,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any] | None = None,
) -> pathlib.Path:
    """What `save` does, for arrays that are on the host. Computes nothing with JAX, so another
    thread may call it."""
    shapes = {name: shape_of(array) for name, array in arrays.items()}
    manifest: dict[str, Any] = {"shapes": shapes, "about": dict(about or {})}
    manifest["sha256"] = _digest(manifest, arrays)
    named: dict[str, Any] = {**arrays, MANIFEST: np.array(json.dumps(manifest).encode())}
    content = io.BytesIO()
    np.savez(content, **named)
    return write(resolved(path), content.getbuffer())


def load(path: pathlib.Path | str, like: State) -> State:
    """The state in a file that `save` wrote. For example, `like` is a runner that was made of the
    same experiment.

    Raises `CheckpointError` if the file is missing, damaged, or does not fit.
    """
    return read(resolved(path)).restore(like)


def read(path: pathlib.Path) -> Saved:
    """What is in a file, verified. Raises `DamagedError` if it is missing or not as written."""
    try:
        # Whole, so that it may be removed meanwhile.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        manifest = json.loads(arrays.pop(MANIFEST).item())
        written = manifest.pop("sha256")
        if list(arrays) == list(manifest["shapes"]) and written == _digest(manifest, arrays):
            return Saved(path, arrays, manifest["shapes"], manifest["about"])
        reason = "it is not as it was written"
    except FileNotFoundError:
        raise DamagedError(f"There is no checkpoint {path}.") from None
    except Exception as error:  # whatever a reader of archives says of one that is none
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    raise DamagedError(f"The checkpoint {path} is damaged: {reason}.")


def told_apart(saved: Mapping[str, Any], expected: Mapping[str, Any], names: list[str]) -> str:
    """The first of the names whose values differ, with both."""
    texts = [
        f"{name} (saved {saved.get(name, 'nothing')}, expected {expected.get(name, 'nothing')})"
        for name in names
        if saved.get(name) != expected.get(name)
    ]
    return ", ".join(texts[:3]) + (" and more" if len(texts) > 3 else "")


def _digest(manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Of the manifest, which names the arrays and their shapes, and of their bytes in its order."""
    sha256 = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for array in arrays.values():
        sha256.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return sha256.hexdigest()


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def named_arrays(state: PyTree) -> list[tuple[str, Any]]:
    """The arrays of a state by their places in it."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return [(jax.tree_util.keystr(place), leaf) for place, leaf in leaves if _is_array(leaf)]


def data_of(leaf: Any) -> Any:
    """An array as it is saved: a random key is saved as its numbers."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _data_spec(leaf: Any) -> Any:
    """An array's shape and type as it is saved."""
    return jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf


def _impl(leaf: Any) -> Any:
    """How a key makes random numbers, which JAX tells of a key and of a tracer, but of no shape."""
    found: list[Any] = []
    jax.eval_shape(lambda key: found.append(jax.random.key_impl(key)), leaf)
    return found[0]


def shape_of(array: Any) -> str:
    """The type and shape of an array, as text."""
    return f"{array.dtype.name}{list(array.shape)}"
