"""What can be measured, by name; each part in a process of its own, so that its peak of memory and
its compiled programs are its own."""

import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from minimax_eqx.recipes._known import RECIPES

from .timing import Limits, MatrixProduct

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results"
START = "start:"
STARTS = tuple(START + name for name in ("maze-dr", "maze-robust-plr", "maze-accel", "maze-paired"))
DEVICES = "devices"
COMMUNICATION = "communication"
MEMBERS = "members"
SCALING = (
    *("cores", "buffer", "resets", "optima", "levels", "students"),
    *(MEMBERS, DEVICES, COMMUNICATION),
)
# One of each family; the other recipes are measured when they are named.
FAMILIES = (
    "maze-dr",
    "maze-robust-plr",
    "maze-accel",
    "maze-parallel-accel",
    "maze-paired",
    "maze-repaired",
    "maze-dr-s5",
)
DEFAULT = (*STARTS, "env", *FAMILIES, *SCALING)
# Of other packages, which you may have or not.
WORLDS = "worlds"
ALL = (*(START + name for name in RECIPES), "env", *RECIPES, *SCALING, WORLDS)

Part = Callable[[MatrixProduct, Limits], dict[str, Any]]


def function_of(name: str) -> Part:
    """What measures a part, given the yardstick; starts of processes are not among them."""
    from . import buffer, cycle, env, members, optima, phases, resets, scaling, worlds

    parts: dict[str, Part] = {
        "env": env.bench,
        "cores": phases.bench_cores,
        "buffer": buffer.bench,
        "resets": resets.bench,
        "optima": optima.bench,
        "levels": scaling.bench_levels,
        "students": scaling.bench_students,
        MEMBERS: members.bench,
        WORLDS: worlds.bench,
    }
    if name in parts:
        return parts[name]
    return lambda yardstick, limits: cycle.bench(name, yardstick, limits)


def measure_here(name: str, limits: Limits) -> dict[str, Any]:
    """A part's timings, the machine, and the peak of memory, measured in this process."""
    from .machine import describe_machine, peak_device_memory_gb, peak_memory_gb

    if name.startswith(START):
        from . import startup

        # The fresh processes come first, while this one has started no device of its own.
        timings = startup.bench(name.removeprefix(START))
        return {"timings": timings, "machine": describe_machine(MatrixProduct())}
    if name == DEVICES:
        return _measure_devices(limits)
    if name.startswith(f"{DEVICES}:"):
        from . import scaling

        num_devices = int(name.removeprefix(f"{DEVICES}:"))
        scaling.make_devices(num_devices)
        yardstick = MatrixProduct()
        timings = scaling.bench_devices(num_devices, yardstick, limits)
    elif name == COMMUNICATION:
        from . import scaling

        scaling.make_devices(2)
        yardstick = MatrixProduct()
        timings = scaling.bench_communication(yardstick, limits)
    else:
        yardstick = MatrixProduct()
        timings = function_of(name)(yardstick, limits)
    peaks = {"peak_memory_gb": peak_memory_gb()}
    if (device := peak_device_memory_gb()) is not None:
        peaks["peak_device_memory_gb"] = device
    return {"timings": timings, "machine": describe_machine(yardstick), **peaks}


def _measure_devices(limits: Limits) -> dict[str, Any]:
    """One process for each number of devices, since a CPU's is decided when JAX starts."""
    from .scaling import DEVICES as NUMBERS

    runs = [measure_apart(f"{DEVICES}:{number}", limits) for number in NUMBERS]
    measured = [run for run in runs if run["timings"]]
    timings = {line: timing for run in measured for line, timing in run["timings"].items()}
    return measured[-1] | {"timings": timings}


def measure_apart(name: str, limits: Limits) -> dict[str, Any]:
    """The same in a fresh process. Raises `CalledProcessError` if that fails."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.parts", name, json.dumps(dataclasses.asdict(limits))],
        cwd=HERE.parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return json.loads(output.splitlines()[-1])


def path_of(name: str, folder: pathlib.Path = RESULTS) -> pathlib.Path:
    """Where a part's results are kept."""
    return folder / f"{name.replace(':', '-')}.json"


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], Limits(**json.loads(sys.argv[2])))))
