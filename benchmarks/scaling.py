"""How the cost of a cycle grows: with levels side by side, students, and devices."""

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax

from minimax_eqx import Experiment, run
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.recipes import maze
from minimax_eqx.runners import level_mesh
from minimax_eqx.runners._ahead import making

from .cycle import stepper
from .flops import cycle_flops
from .profile import kernels_in, profile_cycle
from .timing import Limits, MatrixProduct, measure, measure_in_turn, with_rate

LEVELS_BY_TURNS = (32, 64)
LEVELS = (128, 256, 512, 1024, 2048, 4096, 8192)
# Where a gradient in parts makes the difference to what fits.
LEVELS_IN_PARTS = {4096: 4}
STUDENTS = (1, 2, 4)
DEVICES = (1, 2, 4, 8)
# What the compiler, or NVIDIA's library, calls kernels in which devices exchange arrays.
COMMUNICATION = re.compile(
    r"all-?reduce|all-?gather|all-?to-?all|reduce-?scatter|collective|nccl", re.IGNORECASE
)
REPEATS = 9
# A line calls its program once to warm it up and times it at least twice.
LEAST_CALLS = 3


def bench_levels(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """A cycle of `maze-dr` with more and more levels, as far as the limits go.

    The two smallest are called by turns, so that their ratio is that of one machine. The memory of
    the compiled program is said for all of them, whether or not it is run.
    """
    few = [num_levels for num_levels in LEVELS_BY_TURNS if num_levels <= limits.max_levels]
    results = _cycles_in_turn(
        {f"{num_levels} levels": maze.dr(num_levels=num_levels) for num_levels in few},
        yardstick,
        limits,
    )
    expected = 0.0
    for num_levels in LEVELS:
        if num_levels > limits.max_levels:
            break
        line = _cycle(maze.dr(num_levels=num_levels), yardstick, limits, expected)
        results[f"{num_levels} levels"] = line
        expected = 2 * line["seconds"] if "seconds" in line else limits.seconds
        if num_parts := LEVELS_IN_PARTS.get(num_levels):
            in_parts = maze.dr(num_levels=num_levels, num_accumulation_steps=num_parts)
            line = _cycle(in_parts, yardstick, limits, expected)
            results[f"{num_levels} levels, gradient in {num_parts} parts"] = line
    return results


def bench_students(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """A cycle of `maze-dr` with populations of several sizes."""
    results: dict[str, Any] = {}
    expected = 0.0
    for num_students in STUDENTS:
        line = _cycle(maze.dr(num_students=num_students), yardstick, limits, expected)
        results[f"{num_students} students"] = line
        expected = 2 * line["seconds"] if "seconds" in line else limits.seconds
    return results


def make_devices(num_devices: int) -> None:
    """Has a CPU be so many devices. To be called before JAX starts."""
    jax.config.update("jax_num_cpu_devices", num_devices)


def bench_devices(num_devices: int, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """A cycle of `maze-dr` whose levels so many devices share: as many as one device has, and as
    many for each. Empty if there are not so many devices, or not so many cores to be them.

    On accelerators the utilisation is that of all of them together.
    """
    on_cpu = jax.default_backend() == "cpu"
    if num_devices > ((os.cpu_count() or 1) if on_cpu else jax.device_count()):
        return {}
    experiment = maze.dr()
    num_levels = experiment.curriculum.levels_per_cycle
    experiments = {f"{num_devices} devices, {num_levels} levels": experiment}
    if num_devices > 1:
        more = maze.dr(num_levels=num_levels * num_devices)
        experiments[f"{num_devices} devices, {num_levels} levels each"] = more
    return {
        line: _cycle(experiment, yardstick, limits, 0.0, num_devices)
        for line, experiment in experiments.items()
    }


def bench_communication(
    yardstick: MatrixProduct, limits: Limits, experiment: Experiment | None = None
) -> dict[str, Any]:
    """The share of its time that a device spends in communication, in a cycle that two share.

    By default the cycle is that of `maze-dr`; with the gradient of a minibatch at once, and in
    parts, after each of which devices could exchange what they have. Waiting for the other device
    counts as communication.
    """
    num_devices = 2
    base = experiment or maze.dr()
    results: dict[str, Any] = {}
    for num_parts in (1, 4):
        how = "at once" if num_parts == 1 else f"in {num_parts} parts"
        line = f"{num_devices} devices, gradient {how}"
        if jax.device_count() < num_devices:
            results[line] = {"left_out": f"needs {num_devices} devices"}
            continue
        in_parts = with_changes(base, {"num_accumulation_steps": num_parts})
        runner = making(in_parts)().on(level_mesh(num_devices))
        program = run.lower(runner, 1).compile()
        profile = profile_cycle(runner, program, kernels_in(program))
        share = profile.share(COMMUNICATION)
        timing = {"seconds": profile.seconds, "best_seconds": profile.seconds}
        note = {"communication_share": share, "note": f"{share:.1%} in communication"}
        results[line] = with_rate(timing, base.transitions_per_cycle) | note
    return results


@dataclasses.dataclass(frozen=True)
class _Cycle:
    """A compiled cycle: what calls it, what it multiplies, and how much memory it needs."""

    step: Callable[[], Any]
    flops: float
    num_steps: int
    memory_gb: float


def _compiled(experiment: Experiment, num_devices: int = 1) -> _Cycle:
    runner = making(experiment)()
    flops = cycle_flops(runner).of(updated=True, designed=True)
    if num_devices > 1:
        runner = runner.on(level_mesh(num_devices))
        # Virtual devices share the cores that the yardstick has to itself.
        flops /= 1 if jax.default_backend() == "cpu" else num_devices
    program = run.lower(runner, 1).compile()
    num_steps = experiment.transitions_per_cycle
    return _Cycle(stepper(runner, program), flops, num_steps, program_memory_gb(program))


def program_memory_gb(program: Any) -> float:
    """What a compiled cycle needs on each device: the runner, and what it works with."""
    # Equinox's program wraps JAX's.
    memory = program.compiled.memory_analysis()
    # The runner returned takes the place of the one given, which is counted as an argument.
    return (memory.argument_size_in_bytes + memory.temp_size_in_bytes) / 1e9


def _cycle(
    experiment: Experiment,
    yardstick: MatrixProduct,
    limits: Limits,
    expected_seconds: float,
    num_devices: int = 1,
) -> dict[str, Any]:
    """The memory of a cycle's program, and its timing unless that would exceed the limits."""
    cycle = _compiled(experiment, num_devices)
    result: dict[str, Any] = {"program_memory_gb": cycle.memory_gb}
    if cycle.memory_gb > limits.memory_gb:
        return result | {"left_out": f"needs more than {limits.memory_gb:g} GB"}
    if LEAST_CALLS * expected_seconds > limits.seconds:
        return result | {"left_out": f"would take more than {limits.seconds:g} s"}
    timing = measure(cycle.step, yardstick, limits, cycle.flops, REPEATS)
    return result | with_rate(timing, cycle.num_steps)


def _cycles_in_turn(
    experiments: Mapping[str, Experiment], yardstick: MatrixProduct, limits: Limits
) -> dict[str, Any]:
    """Memory and timings of cycles that are called by turns, so that they can be compared."""
    cycles = {line: _compiled(experiment) for line, experiment in experiments.items()}
    timings = measure_in_turn(
        {line: (cycle.step, cycle.flops) for line, cycle in cycles.items()},
        yardstick,
        limits,
        REPEATS,
    )
    return {
        line: {"program_memory_gb": cycle.memory_gb} | with_rate(timings[line], cycle.num_steps)
        for line, cycle in cycles.items()
    }
