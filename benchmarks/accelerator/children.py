"""Processes with a time limit."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MODULE = f"{__package__}.measure"


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it printed."""

    outcome: str
    """`finished`, or what happened instead."""
    output: str
    errors: str

    @property
    def finished(self) -> bool:
        """Whether it did all that it was to do."""
        return self.outcome == "finished"


def run(arguments: Sequence[str], environment: Mapping[str, str], seconds: float) -> Ended:
    """Runs the module that measures, and ends it, with all that it started, after so many seconds.

    It is ended too if this process is told to stop.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        output, errors = process.communicate()
        return Ended(f"stopped at its limit of {seconds:.0f} s", output, errors)
    finally:
        _end(process)
    status = process.returncode
    return Ended("finished" if status == 0 else _failure(status), output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    # The session that it leads holds the processes that it started, which may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(status: int) -> str:
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"failed with exit status {status}"
