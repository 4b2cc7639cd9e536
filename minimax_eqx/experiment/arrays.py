"""The arrays of a state on disk, through Orbax, and back bit for bit."""

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

State = TypeVar("State")


def save_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays, none of them empty, into a new folder.

    Raises `OSError`, naming the folder, if they cannot be written.
    """
    try:
        with _quiet(), _checkpointer() as checkpointer:
            checkpointer.save(path, arrays)
    except OSError:
        raise
    except Exception as error:
        # A full disk is a `ValueError` of Orbax's, with a page of text.
        raise OSError(f"The checkpoint {path.parent} cannot be written: {error}") from error


def restore_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The named arrays in a folder. Raises what Orbax raises if they cannot be read."""
    with _quiet(), _checkpointer() as checkpointer:
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Orbax reports every step that it takes; what is not an error is left out, while this lasts.

    A filter of one's own, and not the level: that is the host program's, and another thread may
    save at the same time.
    """

    def errors_only(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger = logging.getLogger("absl")
    logger.addFilter(errors_only)
    try:
        yield
    finally:
        logger.removeFilter(errors_only)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
