"""How a run began: when, by which command, with which versions, on what."""

import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import jax

from .._composition._plain import CLASS
from .._files import warn_once
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


def written_by(version: Any) -> str:
    """Which version wrote a file that this one cannot use, and what to do, in a sentence or two
    after a space; nothing for this very version."""
    if version == VERSION:
        return ""
    # A stranger's file may say anything, and this is a command to copy.
    if not (isinstance(version, str) and re.fullmatch(r"[0-9A-Za-z.+!]+", version)):
        return f" It does not say which version wrote it; this is {VERSION}."
    return (
        f" It was written by version {version}; this is {VERSION}. To use it as it is, install "
        f"that version: pip install minimax_eqx=={version}."
    )


def warn_of_defaults(file: pathlib.Path, version: Any, added: Mapping[str, Any]) -> None:
    """Says once, in one line, which fields a file does not name, and the defaults that they have;
    nothing if it names all."""
    if added:
        values = ", ".join(f"{path}={_shown(value)}" for path, value in added.items())
        warn_once(
            f"{file} was written by version {version!s:.20} and does not name all fields of this "
            f"one, {VERSION}; these have their defaults: {values}."
        )


def _shown(value: Any) -> str:
    """A value as you would give it; a part by its name."""
    return str(value[CLASS]) if isinstance(value, Mapping) else json.dumps(value)


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
