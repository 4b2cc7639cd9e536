"""`python -m benchmarks profile RECIPE`: where the time of a cycle goes, kernel by kernel.

JAX's profiler records when each kernel begins and ends. Kernels run side by side, so time is
shared: each moment belongs in equal parts to the kernels that run in it.
"""

import argparse
import collections
import dataclasses
import math
import pathlib
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax

from minimax_eqx import Runner, run
from minimax_eqx.recipes._known import RECIPES
from minimax_eqx.runners._ahead import making

from .cycle import busy, stepper
from .hlo import Kernel, kernels_of
from .phases import CORES, with_core
from .timing import MatrixProduct, block, timed

NUM_CYCLES = 3
TOP = 24


@dataclasses.dataclass(frozen=True)
class Interval:
    """One run of a kernel, in nanoseconds of the profiler's clock."""

    begin: float
    end: float
    kernel: str


@dataclasses.dataclass
class Group:
    """Kernels alike: the same work on the same shapes, in loops of the same lengths."""

    what: str
    path: str
    seconds: float = 0.0
    runs: int = 0
    flops: int = 0
    """Those of its matrix products, all runs together."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """Where the time of some cycles went."""

    seconds: float
    """One cycle without the profiler."""
    seconds_profiled: float
    """One cycle under it."""
    groups: list[Group]
    """What ran, the longest first, all cycles together."""
    idle: float
    """Seconds in which no kernel ran, all cycles together."""
    seconds_of: Mapping[str, float]
    """The seconds of each kernel by its own name, all cycles together."""

    def share(self, names: re.Pattern[str]) -> float:
        """The share of the time that belongs to kernels in whose name this is found."""
        found = sum(spent for name, spent in self.seconds_of.items() if names.search(name))
        return found / (sum(self.seconds_of.values()) + self.idle)


class ProfileError(RuntimeError):
    """JAX's profiler recorded nothing that can be used."""


def shares(intervals: Iterable[Interval]) -> tuple[dict[str, float], float]:
    """The seconds of each kernel, and those between the first and the last in which none ran."""
    edges = sorted(
        edge
        for one in intervals
        for edge in ((one.begin, 1, one.kernel), (one.end, -1, one.kernel))
    )
    seconds: dict[str, float] = collections.defaultdict(float)
    running, idle, last = collections.Counter[str](), 0.0, edges[0][0]
    for time, change, kernel in edges:
        passed, last = (time - last) / 1e9, time
        total = running.total()
        if total == 0:
            idle += passed
        for name, count in running.items():
            seconds[name] += passed * count / total
        running[kernel] += change
        if not running[kernel]:
            del running[kernel]
    return dict(seconds), idle


def groups(
    kernels: Mapping[str, Kernel], seconds: Mapping[str, float], runs: Mapping[str, int]
) -> list[Group]:
    """Kernels of the same kind together, the longest first."""
    found: dict[tuple[str, str], Group] = {}
    for name, spent in seconds.items():
        kernel = kernels.get(name)
        # A device also runs what the program's text does not name, such as copies.
        what, path = (_description(kernel), kernel.path) if kernel else (name, "")
        group = found.setdefault((what, path), Group(what, path))
        group.seconds += spent
        group.runs += runs[name]
        group.flops += runs[name] * kernel.matrix_flops if kernel else 0
    return sorted(found.values(), key=lambda group: -group.seconds)


def _description(kernel: Kernel) -> str:
    shape = kernel.shape.split("{")[0].removeprefix("(")
    if not kernel.matrix_flops:
        return f"{kernel.source.split('/')[-1] or kernel.name.split('.')[0]}, {shape}"
    sizes = [int(size) for size in shape[shape.index("[") + 1 : -1].split(",") if size]
    return f"matrix product, {shape}, over {kernel.matrix_flops // (2 * math.prod(sizes))}"


def report(found: Sequence[Group], idle: float, num_cycles: int, rate: float, top: int) -> str:
    """A Markdown table of the longest groups, and one of all, for one cycle; `rate` in FLOP/s."""
    total = sum(group.seconds for group in found) + idle
    products = [group for group in found if group.flops]
    kinds = {
        "matrix products in loops within loops": [g for g in products if "/" in g.path],
        "other matrix products": [g for g in products if "/" not in g.path],
        "all other kernels": [group for group in found if not group.flops],
    }
    rows = [_row(name, kind, total, num_cycles, rate) for name, kind in kinds.items()]
    rows.append(f"| no kernel | | | {idle / num_cycles * 1e3:.0f} ms | {idle / total:.0%} | | |")
    for group in found[:top]:
        rows.append(_row(group.what, [group], total, num_cycles, rate))
    head = "| kernels | loops | runs | time | share | GFLOP/s | of a large product |"
    return "\n".join((head, "| --- | --- | ---: | ---: | ---: | ---: | ---: |", *rows))


def _row(what: str, kind: Sequence[Group], total: float, num_cycles: int, rate: float) -> str:
    seconds = sum(group.seconds for group in kind)
    flops = sum(group.flops for group in kind)
    runs = sum(group.runs for group in kind) // num_cycles
    path = kind[0].path if len(kind) == 1 else ""
    reached = f"{flops / seconds / 1e9:.0f} | {flops / seconds / rate:.0%}" if flops else " | "
    return (
        f"| {what} | {path} | {runs:,} | {seconds / num_cycles * 1e3:.0f} ms "
        f"| {seconds / total:.0%} | {reached} |"
    )


def record(calls: Callable[[], Any], kernels: Mapping[str, Kernel]) -> list[Interval]:
    """When each kernel ran while `calls` ran. Raises `ProfileError` if none was recorded."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            calls()
        (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
        intervals = list(intervals_of(jax.profiler.ProfileData.from_file(str(path)), kernels))
    if not intervals:
        raise ProfileError("JAX's profiler recorded no kernel of this program.")
    return intervals


def intervals_of(data: Any, kernels: Mapping[str, Kernel]) -> Iterator[Interval]:
    """When each kernel ran, from the `jax.profiler.ProfileData` of what was recorded.

    The host's threads run much besides kernels, which are known by name. A device's streams run
    nothing else; its other lines show the same again, put together in other ways.
    """
    for plane in data.planes:
        on_device = plane.name.startswith("/device")
        lines = list(plane.lines)
        streams = [line for line in lines if on_device and line.name.startswith("Stream")]
        for line in streams or lines:
            for event in line.events:
                name = _kernel_of(event, kernels, on_device)
                if name is None and streams:
                    name = event.name
                if name is not None and event.duration_ns > 0:
                    yield Interval(event.start_ns, event.start_ns + event.duration_ns, name)


def _kernel_of(event: Any, kernels: Mapping[str, Kernel], on_device: bool) -> str | None:
    if event.name in kernels:
        return event.name
    operation = dict(event.stats).get("hlo_op") if on_device else None
    return operation if operation in kernels else None


def profile_cycle(runner: Runner, program: Any, kernels: Mapping[str, Kernel]) -> Profile:
    """Where the time of a compiled cycle with these kernels goes, over `NUM_CYCLES` of them.

    Raises `ProfileError` if JAX's profiler recorded nothing.
    """
    step = stepper(runner, program)
    block(step())
    alone = [timed(step)[0] for _ in range(NUM_CYCLES)]
    profiled: list[float] = []

    def calls():
        profiled.extend(timed(step)[0] for _ in range(NUM_CYCLES))

    intervals = record(calls, kernels)
    seconds, idle = shares(intervals)
    runs = collections.Counter(one.kernel for one in intervals)
    found = groups(kernels, seconds, runs)
    return Profile(statistics.median(alone), statistics.median(profiled), found, idle, seconds)


def kernels_in(program: Any) -> dict[str, Kernel]:
    """The kernels of a compiled cycle, by name."""
    # Equinox's program wraps JAX's.
    return {kernel.name: kernel for kernel in kernels_of(program.compiled.as_text())}


def main(arguments: Sequence[str]) -> int:
    """Profiles a recipe's cycle in the middle of training, and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks profile", description=__doc__)
    parser.add_argument("recipe", nargs="?", default="maze-dr", choices=list(RECIPES))
    parser.add_argument("--core", choices=CORES, help="another recurrent core than the recipe's")
    parser.add_argument("--top", type=int, default=TOP, help="rows of the table (%(default)d)")
    options = parser.parse_args(arguments)

    experiment = RECIPES[options.recipe]()
    if options.core:
        experiment = with_core(experiment, options.core)
    runner = busy(making(experiment)())
    yardstick = MatrixProduct()
    try:
        program = run.lower(runner, 1).compile()
        profile = profile_cycle(runner, program, kernels_in(program))
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 1
    rate = yardstick.rate()
    what = f"{options.recipe}, {options.core}" if options.core else options.recipe
    print(
        f"{what}: {profile.seconds:.3f} s a cycle, "
        f"{profile.seconds_profiled:.3f} s under the profiler; "
        f"a large matrix product: {rate / 1e9:.0f} GFLOP/s.\n"
    )
    print(report(profile.groups, profile.idle, NUM_CYCLES, rate, options.top))
    return 0
