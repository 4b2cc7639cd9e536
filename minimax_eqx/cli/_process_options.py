"""The options of several processes that train one run together."""

import contextlib
from dataclasses import dataclass
from typing import Literal

import jax


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
        """Raises `ValueError`, naming the option, for what does not go together."""
        names = ("coordinator", "num_processes", "process_id")
        given = [name for name in names if getattr(self, name) is not None]
        if given and self.distributed == "auto":
            raise ValueError(f"{', '.join(given)}: without effect with distributed auto.")
        if self.coordinator is None or self.num_processes is None or self.process_id is None:
            if given:
                missing = ", ".join(name for name in names if name not in given)
                raise ValueError(f"{', '.join(names)} go together; missing: {missing}.")
        elif not self.coordinator.rpartition(":")[2].isdecimal() or self.coordinator[0] == ":":
            raise ValueError(f"coordinator is {self.coordinator}; it must be HOST:PORT.")
        elif not 0 <= self.process_id < self.num_processes:
            raise ValueError(
                f"process_id is {self.process_id}; it must be at least 0 and below num_processes, "
                f"which is {self.num_processes}."
            )

    def join(self, num_devices: int) -> None:
        """Meets the other processes, if there are any to be, and has the CPU be as many devices as
        it takes for all processes to have `num_devices`. To be called before JAX starts.

        Raises `ValueError` if no cluster is found.
        """
        if self.distributed == "auto":
            try:
                jax.distributed.initialize()
            except (ValueError, RuntimeError) as error:
                raise ValueError(
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
