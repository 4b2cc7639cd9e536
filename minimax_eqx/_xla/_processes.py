"""Several processes that train one run together.

All of them run the same loop. The first one alone touches the run's folder and the terminal;
whatever decides what is done next is the same in all, or is agreed on here.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils

Tree = TypeVar("Tree")

# The first process may be busy with a checkpoint for a while.
PATIENCE_SECONDS = 3600
_MEETINGS = itertools.count()


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
    text = json.dumps({"value": value, "failed": problem is not None})
    content = np.frombuffer(text.encode(), np.uint8)
    size = int(_broadcast(np.array(content.size, np.int32)))
    told = json.loads(bytes(_broadcast(content if is_first() else np.zeros(size, np.uint8))))
    if problem is not None:
        raise problem
    if told["failed"]:
        raise FirstProcessError("The first process failed, and says why.")
    return told["value"]


def arrays_of_first(tree: Tree) -> Tree:
    """The arrays of the first process, in all of them; shapes and types are the same in all."""
    if jax.process_count() == 1:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)

    def is_key(leaf):
        return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)

    def plain(leaf):
        return np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)

    def of_first(old, told):
        new = jax.numpy.array(told)
        return jax.random.wrap_key_data(new, impl=jax.random.key_impl(old)) if is_key(old) else new

    told = _broadcast(jax.tree.map(plain, arrays))
    return eqx.combine(jax.tree.map(of_first, arrays, told), rest)


def _broadcast(tree: Any) -> Any:
    _meet()
    return multihost_utils.broadcast_one_to_all(tree)


def _meet() -> None:
    """Waits for the other processes; the devices themselves would lose patience too soon."""
    # JAX has no public name for this.
    from jax._src import distributed

    client: Any = distributed.global_state.client
    client.wait_at_barrier(f"minimax_eqx_{next(_MEETINGS)}", PATIENCE_SECONDS * 1000)
