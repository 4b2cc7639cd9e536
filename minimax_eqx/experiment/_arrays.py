"""The arrays of a state on disk, through Orbax, and back bit for bit."""

import contextlib
import logging
import pathlib
import textwrap
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree, State
from ._manifest import CheckpointError


@contextlib.contextmanager
def quiet_orbax() -> Iterator[None]:
    """While this lasts, Orbax reports nothing but errors, and leaves the host's logging alone.

    It would report every step, and send it to absl, which gives a root logger without handlers one
    for good: the host's own `logging.basicConfig` would do nothing after that.
    """

    # A filter of one's own, and not the level: another thread may save at the same time.
    def errors_only(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    # What takes the place of handlers where there are none.
    stand_in = logging.lastResort or logging.NullHandler()
    absl, root = logging.getLogger("absl"), logging.getLogger()
    absl.addFilter(errors_only)
    had_none = not root.handlers
    if had_none:
        root.addHandler(stand_in)
    try:
        yield
    finally:
        absl.removeFilter(errors_only)
        if had_none:
            root.removeHandler(stand_in)


def save_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays, none of them empty, into a new folder.

    Raises `OSError`, naming the folder, if they cannot be written, and `CheckpointError` for a
    version of Orbax that cannot do it.
    """
    try:
        with quiet_orbax(), _checkpointer() as checkpointer:
            checkpointer.save(path, arrays)
    except (OSError, CheckpointError):
        raise
    except Exception as error:
        # A full disk is a `ValueError` of Orbax's, with a page of text.
        gist = textwrap.shorten(str(error), 400)
        raise OSError(f"The checkpoint {path.parent} cannot be written: {gist}") from error


def restore_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The named arrays in a folder. Raises what Orbax raises if they cannot be read."""
    with quiet_orbax(), _checkpointer() as checkpointer:
        return dict(checkpointer.restore(path))


def to_plain(state: PyTree) -> dict[str, np.ndarray]:
    """Names and arrays, as Orbax stores them; typed keys become their data."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(state, eqx.is_array))
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(
            jax.random.key_data(leaf) if _is_key(leaf) else leaf
        )
        for path, leaf in leaves
    }


def from_plain(plain: dict[str, np.ndarray], like: State) -> State:
    """The state with the structure of `like` whose arrays have those names."""

    def leaf(path, old):
        if not eqx.is_array(old):
            return old
        # A copy, which nothing else refers to: training donates it.
        data = jnp.array(plain[jax.tree_util.keystr(path, simple=True, separator="/")], copy=True)
        if _is_key(old):
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(old))
        return data

    return jax.tree_util.tree_map_with_path(leaf, like)


def _checkpointer() -> Any:
    try:
        # Slow to import; a run that is refused for its options should not wait for it.
        import orbax.checkpoint as orbax

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
    except (ImportError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"Nothing can be saved or loaded with this orbax-checkpoint ({error}). Install a newer "
            "one: pip install --upgrade orbax-checkpoint"
        ) from error


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
