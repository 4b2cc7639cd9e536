"""How a run began: when, by which command, with which versions, on what."""

import datetime
import pathlib
import platform
import subprocess
import sys
from typing import Any

import jax

from .._version import VERSION

# A repository on a network may answer late, and a run does not wait for it.
_PATIENCE = 5.0


def origin_now() -> dict[str, Any]:
    """Time, versions, devices and, where it stands in a repository, the commit of the program."""
    import equinox
    import numpy

    machine = machine_now()
    return {
        "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {
            "minimax_eqx": VERSION,
            "jax": jax.__version__,
            "equinox": equinox.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        **{name: machine[name] for name in ("devices", "machine")},
        "commit": _commit(),
    }


def machine_now() -> dict[str, Any]:
    """What this process computes on, and with which JAX."""
    devices = jax.devices()
    return {
        "devices": {"kind": devices[0].device_kind, "count": len(devices)},
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "jax": jax.__version__,
    }


def _commit() -> str | None:
    """The commit of the repository that the program's main file, or where it was started, is in."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    inside = pathlib.Path(main).parent if main else pathlib.Path.cwd()
    try:
        found = subprocess.run(
            ["git", "-C", str(inside), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
