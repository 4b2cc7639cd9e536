"""What timings were taken on, and when."""

import datetime
import os
import pathlib
import platform
import resource
import subprocess
import sys
from typing import Any

import equinox
import jax

import minimax_eqx

from .timing import MatrixProduct

ROOT = pathlib.Path(__file__).parents[1]
COMMIT = "MINIMAX_EQX_COMMIT"


def describe_machine(yardstick: MatrixProduct) -> dict[str, Any]:
    """The hardware, its yardstick, the versions and the date."""
    return {"matrix_product_gflops": yardstick.rate() / 1e9, **describe()}


def describe() -> dict[str, Any]:
    """The hardware, the versions and the date."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "equinox": equinox.__version__,
        "minimax_eqx": minimax_eqx.__version__,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
    }


def commit() -> str:
    """What Git calls this state of the project: `-dirty` with changes that are not committed.

    For a copy without its history, what `MINIMAX_EQX_COMMIT` says, which counts anywhere.
    """
    if told := os.environ.get(COMMIT):
        return told
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def peak_memory_gb() -> float:
    """The most memory that this process has had resident so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def peak_device_memory_gb() -> float | None:
    """The most memory in use on the first device so far; None where JAX does not count, as on a
    CPU."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return None if peak is None else peak / 1e9


def memory_gb() -> float:
    """The memory that programs may fill: the first device's, or else the machine's."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    if limit is not None:
        return limit / 1e9
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _processor() -> str:
    """The processor's name where the system says it, else its architecture."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
