"""What a compiled program does, read from XLA's text of it: kernels, matrix products, loops.

XLA's own cost analysis counts the body of a loop once, so that one more kernel in each of 256 steps
is lost among everything else. Here a loop counts as often as it runs.
"""

import collections
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# What the program is made of, or what renames memory; none of it is work.
FREE = {
    "after-all",
    "bitcast",
    "constant",
    "get-tuple-element",
    "parameter",
    "partition-id",
    "tuple",
}
BITS = {"pred": 8, "token": 0}

_HEAD = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(
    r"^\s+(?P<root>ROOT )?%?(?P<name>[\w.\-]+) = (?P<shape>\(.*?\)|\S+) (?P<opcode>[\w\-]+)"
    r"\((?P<operands>[^)]*)\)(?P<attributes>.*)$"
)
_ARRAY = re.compile(r"(?P<type>[a-z]\w*)\[(?P<shape>[\d,]*)\]")


@dataclass(frozen=True)
class Instruction:
    """One line of a computation."""

    shape: str
    opcode: str
    operands: tuple[str, ...]
    attributes: str
    is_root: bool

    def called(self, *keys: str) -> list[str]:
        """The computations that these attributes name."""
        found = []
        for key in keys:
            match = re.search(rf"\b{key}=(\{{[^}}]*\}}|%?[\w.\-]+)", self.attributes)
            found += re.findall(r"[\w.\-]+", match.group(1)) if match else []
        return found

    @property
    def trips(self) -> int | None:
        """How often a loop runs; None if that depends on the data."""
        match = re.search(r'"known_trip_count":\{"n":"(\d+)"', self.attributes)
        return int(match.group(1)) if match else None

    @property
    def source(self) -> str:
        """Which call of JAX it comes from, with the names of the functions around; "" if lost."""
        match = re.search(r'op_name="([^"]*)"', self.attributes)
        return match.group(1) if match else ""

    @property
    def frame(self) -> int:
        """The number of the calls that it comes from, in the head of the text; 0 if lost."""
        match = re.search(r"stack_frame_id=(\d+)", self.attributes)
        return int(match.group(1)) if match else 0


@dataclass(frozen=True)
class Kernel:
    """One step of a program, and what one run of it does."""

    name: str
    shape: str
    source: str
    matrix_flops: int
    """Multiplications and additions of matrix products."""
    bytes_written: int
    """The sizes of what it writes; of an update in place, what is new."""
    loops: tuple[str, ...]
    """The loops that it is in, outermost first."""
    trips: tuple[int | None, ...]
    """How often each of them runs; None if that depends on the data."""
    frame: int = 0
    """The number of the calls that it comes from; 0 if lost."""

    @property
    def path(self) -> str:
        """The lengths of the loops around it, as in `5/256`."""
        return "/".join("?" if trips is None else str(trips) for trips in self.trips)

    @property
    def runs(self) -> int:
        """How often it runs, if a loop whose length depends on the data is one pass."""
        return math.prod(trips or 1 for trips in self.trips)


@dataclass
class Work:
    """What one run of a program does.

    Every branch of a condition counts, as if all were taken; a loop whose length depends on the
    data counts as one pass.
    """

    kernels: int = 0
    """Kernels in the program: the body of a loop once."""
    kernels_run: int = 0
    """Kernels that run: the body of a loop as often as it runs."""
    matrix_flops: int = 0
    """Multiplications and additions of matrix products."""
    bytes_written: int = 0
    """Sizes of what the kernels write; of an update in place, what is new."""
    loops: dict[str, list[int]] = field(default_factory=dict)
    """Kernels in the body of each loop, by the lengths of the loops around it and its own."""


def work_of(text: str) -> Work:
    """The work of an optimised program, given its text."""
    work, in_loops, paths = Work(), collections.Counter[tuple[str, ...]](), {}
    for kernel in kernels_of(text):
        work.kernels += 1
        work.kernels_run += kernel.runs
        work.matrix_flops += kernel.runs * kernel.matrix_flops
        work.bytes_written += kernel.runs * kernel.bytes_written
        if kernel.loops:
            in_loops[kernel.loops] += 1
            paths[kernel.loops] = kernel.path
    for loops, kernels in sorted(in_loops.items(), key=lambda loop: (paths[loop[0]], loop[1])):
        work.loops.setdefault(paths[loops], []).append(kernels)
    return work


def kernels_of(text: str) -> Iterator[Kernel]:
    """The kernels of an optimised program, given its text; of conditions those of every branch."""
    computations, entry = parse(text)
    yield from _walk(computations, entry, (), ())


def parse(text: str) -> tuple[dict[str, dict[str, Instruction]], str]:
    """The instructions of each computation by name, and the entry's name."""
    computations: dict[str, dict[str, Instruction]] = {}
    current: dict[str, Instruction] = {}
    entry = ""
    for raw in text.splitlines():
        line = re.sub(r"/\*.*?\*/", "", raw)
        if head := _HEAD.match(line):
            current = computations.setdefault(head["name"], {})
            entry = head["name"] if head["entry"] else entry
        elif found := _INSTRUCTION.match(line):
            operands = tuple(re.findall(r"%([\w.\-]+)", found["operands"]))
            current[found["name"]] = Instruction(
                shape=found["shape"],
                opcode=found["opcode"],
                operands=operands,
                attributes=found["attributes"],
                is_root=bool(found["root"]),
            )
    if not entry:
        raise ValueError("This is not the text of a compiled program: it has no entry.")
    return computations, entry


def _walk(
    computations: Mapping[str, Mapping[str, Instruction]],
    name: str,
    loops: tuple[str, ...],
    trips: tuple[int | None, ...],
) -> Iterator[Kernel]:
    around = computations[name]
    for own_name, instruction in around.items():
        if instruction.opcode == "while":
            (body,) = instruction.called("body")
            yield from _walk(computations, body, (*loops, own_name), (*trips, instruction.trips))
        elif instruction.opcode in ("call", "conditional"):
            keys = ("to_apply", "branch_computations", "true_computation", "false_computation")
            for called in instruction.called(*keys):
                yield from _walk(computations, called, loops, trips)
        elif instruction.opcode not in FREE:
            yield Kernel(
                name=own_name,
                shape=instruction.shape,
                source=instruction.source,
                matrix_flops=sum(_dots(computations, around, instruction)),
                bytes_written=_written(computations, around, instruction),
                loops=loops,
                trips=trips,
                frame=instruction.frame,
            )


def _dots(
    computations: Mapping[str, Mapping[str, Instruction]],
    around: Mapping[str, Instruction],
    instruction: Instruction,
) -> Iterator[int]:
    """The operations of each matrix product in an instruction."""
    if instruction.opcode == "dot":
        left = _sizes(around[instruction.operands[0]].shape)
        contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.attributes)
        axes = [int(axis) for axis in contracted.group(1).split(",")] if contracted else []
        yield 2 * math.prod(_sizes(instruction.shape)) * math.prod(left[axis] for axis in axes)
    elif instruction.opcode == "fusion":
        for called in instruction.called("calls"):
            for inner in computations[called].values():
                yield from _dots(computations, computations[called], inner)


def _written(
    computations: Mapping[str, Mapping[str, Instruction]],
    around: Mapping[str, Instruction],
    instruction: Instruction,
) -> int:
    if instruction.opcode == "fusion":
        inside = computations[instruction.called("calls")[0]]
        root = next(inner for inner in inside.values() if inner.is_root)
        return _written(computations, inside, root)
    if instruction.opcode == "tuple":
        return sum(_written(computations, around, around[name]) for name in instruction.operands)
    if instruction.opcode == "bitcast":
        return _written(computations, around, around[instruction.operands[0]])
    if instruction.opcode == "dynamic-update-slice":
        return _num_bytes(around[instruction.operands[1]].shape)
    return _num_bytes(instruction.shape)


def _sizes(shape: str) -> list[int]:
    match = _ARRAY.search(shape)
    return [int(size) for size in match["shape"].split(",") if size] if match else []


def _num_bytes(shape: str) -> int:
    total = 0
    for array in _ARRAY.finditer(shape):
        digits = re.search(r"\d+", array["type"])
        bits = BITS.get(array["type"], int(digits.group()) if digits else 8)
        total += bits * math.prod(int(size) for size in array["shape"].split(",") if size) // 8
    return total
