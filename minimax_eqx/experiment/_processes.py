"""Several processes that train one run together, and the devices that each of them has.

All of them run the same loop. The first one alone touches the run's folder and the terminal;
whatever decides what is done next is the same in all, or is agreed on here.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils

from ._arrays import quiet_orbax
from ._process_options import ProcessOptions

__all__ = [
    "FirstProcessError",
    "ProcessOptions",
    "any_process",
    "arrays_of_first",
    "from_first",
    "is_first",
]

Tree = TypeVar("Tree")

# The first process may be busy with a checkpoint or a report for a while.
PATIENCE_SECONDS = 3600


class FirstProcessError(ValueError):
    """Something went wrong in the first process, which says what."""


def is_first() -> bool:
    """Whether this process is the one that writes; always, if it is alone."""
    return jax.process_index() == 0


def any_process(condition: bool) -> bool:
    """Whether it holds in any process. All of them call this at the same point."""
    if jax.process_count() == 1:
        return condition
    _meet()
    return bool(multihost_utils.process_allgather(np.array(condition)).any())


def from_first(work: Callable[[], Any]) -> Any:
    """What `work` gives in the first process, in all of them; it must be what JSON can hold.

    An exception in the first process is raised there, and a `FirstProcessError` in the others.
    """
    if jax.process_count() == 1:
        return work()
    problem, value = None, None
    if is_first():
        try:
            value = work()
        except Exception as error:
            problem = error
    told = _broadcast_text(json.dumps({"value": value, "failed": problem is not None}))
    if problem is not None:
        raise problem
    content = json.loads(told)
    if content["failed"]:
        raise FirstProcessError("The first process failed, and says why.")
    return content["value"]


def arrays_of_first(tree: Tree) -> Tree:
    """The arrays of the first process, in all of them; shapes and types are the same in all."""
    if jax.process_count() == 1:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    is_key = [jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in leaves]
    plain = [
        np.asarray(jax.random.key_data(leaf) if key else leaf)
        for leaf, key in zip(leaves, is_key, strict=True)
    ]
    _meet()
    told = [jax.numpy.array(leaf) for leaf in multihost_utils.broadcast_one_to_all(plain)]
    told = [
        jax.random.wrap_key_data(new, impl=jax.random.key_impl(old)) if key else new
        for new, old, key in zip(told, leaves, is_key, strict=True)
    ]
    return eqx.combine(jax.tree.unflatten(structure, told), rest)


def _broadcast_text(text: str) -> str:
    _meet()
    content = np.frombuffer(text.encode(), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.array(content.size, np.int32)))
    if not is_first():
        content = np.zeros(size, np.uint8)
    return bytes(multihost_utils.broadcast_one_to_all(content)).decode()


def _meet() -> None:
    """Waits for the other processes; the devices themselves would lose patience too soon."""
    with quiet_orbax():
        from orbax.checkpoint import multihost

        multihost.sync_global_processes(
            "minimax_eqx", timeout=PATIENCE_SECONDS, processes=set(range(jax.process_count()))
        )
