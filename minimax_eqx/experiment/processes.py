"""Several processes that train one run together, and the devices that each of them has.

All of them run the same loop. The first one alone touches the run's folder and the terminal;
whatever decides what is done next is the same in all, or is agreed on here.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils

from .arrays import quiet_orbax
from .options import ConfigError

Tree = TypeVar("Tree")

# The first process may be busy with a checkpoint or a report for a while.
PATIENCE_SECONDS = 3600


class FirstProcessError(ValueError):
    """Something went wrong in the first process, which says what."""


@dataclass(frozen=True)
class ProcessOptions:
    """Several processes, on one host or more, that train together."""

    distributed: Literal["off", "auto"] = "off"
    """auto: ask SLURM, or another cluster that JAX knows, for the processes of this job."""
    coordinator: str | None = None
    """HOST:PORT of the first process, for processes that are started by hand."""
    num_processes: int | None = None
    """How many processes there are (with coordinator)."""
    process_id: int | None = None
    """Which one this is, from 0 (with coordinator)."""

    def check(self) -> None:
        """Raises `ConfigError`, naming the option, for what does not go together."""
        by_hand = {
            "coordinator": self.coordinator,
            "num_processes": self.num_processes,
            "process_id": self.process_id,
        }
        missing = [name for name, value in by_hand.items() if value is None]
        if len(missing) == len(by_hand):
            return
        if self.distributed == "auto":
            given = ", ".join(name for name, value in by_hand.items() if value is not None)
            raise ConfigError(f"{given}: without effect with distributed auto.")
        if missing:
            raise ConfigError(
                "coordinator, num_processes and process_id go together; "
                f"missing: {', '.join(missing)}."
            )
        assert self.coordinator is not None
        assert self.num_processes is not None
        assert self.process_id is not None
        host, _, port = self.coordinator.rpartition(":")
        if not (host and port.isdecimal()):
            raise ConfigError(f"coordinator is {self.coordinator}; it must be HOST:PORT.")
        if self.num_processes < 1:
            raise ConfigError(f"num_processes is {self.num_processes}; it must be at least 1.")
        if not 0 <= self.process_id < self.num_processes:
            raise ConfigError(
                f"process_id is {self.process_id}; it must be between 0 and "
                f"{self.num_processes - 1}."
            )

    def join(self, num_devices: int) -> None:
        """Meets the other processes, if there are any to be, and has the CPU be as many devices as
        it takes for all processes to have `num_devices`. To be called before JAX starts.

        Raises `ConfigError` as `check` does, and if no cluster is found.
        """
        self.check()
        if self.distributed == "auto":
            try:
                jax.distributed.initialize()
            except (ValueError, RuntimeError) as error:
                raise ConfigError(
                    f"distributed is auto, and the processes of this job did not meet ({error}). "
                    "Without SLURM or another cluster that JAX knows, give coordinator, "
                    "num_processes and process_id."
                ) from error
        elif self.coordinator is not None:
            jax.distributed.initialize(self.coordinator, self.num_processes, self.process_id)
        share = -(-num_devices // (self.num_processes or 1))
        if share > 1:
            with contextlib.suppress(RuntimeError):  # JAX has started
                jax.config.update("jax_num_cpu_devices", share)


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
