"""How the cost of a cycle grows: with levels side by side, students, and devices."""

import dataclasses
from typing import Any

from minimax_eqx.experiment import Config, make_runner, preset
from minimax_eqx.runners import run

from .cycle import stepper
from .flops import cycle_flops
from .timing import Limits, MatrixProduct, measure, with_rate

LEVELS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
STUDENTS = (1, 2, 4)
PRESET = "maze-dr"
REPEATS = 9
# A line calls its program once to warm it up and times it at least twice.
LEAST_CALLS = 3


def bench_levels(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """A cycle of `maze-dr` with more and more levels, as far as the limits go.

    The memory of the compiled program is said for all of them, whether or not it is run.
    """
    results: dict[str, Any] = {}
    expected = 0.0
    for num_levels in LEVELS:
        if num_levels > limits.max_levels:
            break
        line = _cycle(_with(num_levels=num_levels), yardstick, limits, expected)
        results[f"{num_levels} levels"] = line
        expected = 2 * line["seconds"] if "seconds" in line else limits.seconds
    return results


def bench_students(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """A cycle of `maze-dr` with populations of several sizes."""
    results: dict[str, Any] = {}
    expected = 0.0
    for num_students in STUDENTS:
        line = _cycle(_with(num_students=num_students), yardstick, limits, expected)
        results[f"{num_students} students"] = line
        expected = 2 * line["seconds"] if "seconds" in line else limits.seconds
    return results


def _with(**options: int) -> Config:
    config = preset(PRESET)
    curriculum = dataclasses.replace(config.curriculum, **options)
    return dataclasses.replace(config, curriculum=curriculum)


def _cycle(
    config: Config, yardstick: MatrixProduct, limits: Limits, expected_seconds: float
) -> dict[str, Any]:
    """The memory of a cycle's program, and its timing unless that would exceed the limits."""
    runner = make_runner(config)
    flops = cycle_flops(runner).of(updated=True, designed=True)
    num_steps = runner.transitions_per_cycle
    program = run.lower(runner, 1).compile()
    # Equinox's program wraps JAX's.
    memory = program.compiled.memory_analysis()
    # The runner returned takes the place of the one given, which is counted as an argument.
    used = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    result: dict[str, Any] = {"program_memory_gb": used / 1e9}
    if result["program_memory_gb"] > limits.memory_gb:
        return result | {"left_out": f"needs more than {limits.memory_gb:g} GB"}
    if LEAST_CALLS * expected_seconds > limits.seconds:
        return result | {"left_out": f"would take more than {limits.seconds:g} s"}
    step = stepper(runner, program)
    return result | with_rate(measure(step, yardstick, limits, flops, REPEATS), num_steps)
