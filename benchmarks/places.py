"""Which part of the package a cycle's time goes to: playing, learning, or a file of a method."""

import collections
import re
from collections.abc import Mapping, Sequence
from typing import Any

from minimax_eqx import Runner

from .cycle import stepper
from .hlo import kernels_of
from .profile import record, shares
from .timing import block

NUM_CYCLES = 12
OTHER = "the rest"
_METHODS = re.compile(r"minimax_eqx/((?:curricula|scores)/\w+\.py)")
_ROOMS = {
    "playing": re.compile("minimax_eqx/rollouts/"),
    "learning": re.compile("minimax_eqx/agents/"),
}
_ROW = re.compile(r"^(\d+) (?:\"(.*)\"|\{(.*)\})$")


def places(runner: Runner, program: Any) -> dict[str, float]:
    """The share of each place in the time of some cycles of a compiled program, largest first."""
    text = program.compiled.as_text()  # Equinox's program wraps JAX's
    kernels, files = {kernel.name: kernel for kernel in kernels_of(text)}, files_of(text)
    step = stepper(runner, program)
    block(step())

    def calls():
        for _ in range(NUM_CYCLES):
            block(step())

    # Time in which no kernel ran is left out: on a busy machine others have it.
    seconds, _ = shares(record(calls, kernels))
    spent: dict[str, float] = collections.defaultdict(float)
    for name, of_kernel in seconds.items():
        spent[place_of(files.get(kernels[name].frame, ())) if name in kernels else OTHER] += (
            of_kernel
        )
    total = sum(spent.values())
    ordered = sorted(spent.items(), key=lambda one: -one[1])
    return {place: of_place / total for place, of_place in ordered}


def place_of(files: Sequence[str]) -> str:
    """The place of work that these files called, innermost first.

    Whatever a method has called is the method's, an update of its own networks included.
    """
    for file in files:
        if found := _METHODS.search(file):
            return found.group(1)
    for file in files:
        for place, room in _ROOMS.items():
            if room.search(file):
                return place
    return OTHER


def files_of(text: str) -> dict[int, tuple[str, ...]]:
    """The files of each stack of calls in the head of a program's text, innermost first."""
    tables: dict[str, dict[int, Any]] = {}
    rows: dict[int, Any] = {}
    for line in text.splitlines():
        if line in ("FileNames", "FunctionNames", "FileLocations", "StackFrames"):
            rows = tables.setdefault(line, {})
        elif found := _ROW.match(line):
            number, name, numbers = found.groups()
            rows[int(number)] = name if numbers is None else _numbers(numbers)
        elif line.startswith(("ENTRY", "%")):
            break
    frames = tables.get("StackFrames", {})
    return {number: tuple(_walk(tables, frames, number)) for number in frames}


def _numbers(text: str) -> Mapping[str, int]:
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}


def _walk(tables: Mapping[str, Mapping[int, Any]], frames: Mapping[int, Any], number: int):
    while number in frames:
        frame = frames[number]
        location = tables["FileLocations"][frame["file_location_id"]]
        yield tables["FileNames"][location["file_name_id"]]
        number = frame["parent_frame_id"] - 1  # XLA writes one more; 0 is none
