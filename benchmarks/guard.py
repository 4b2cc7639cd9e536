"""Does the compiled cycle of a recipe do more than it did? A guard without noise.

`python -m benchmarks guard` compiles the cycles as a run does, for one CPU device, reads off how
much work each does, and compares with `results/guard.json`. Nothing is timed and no cycle is run.
Another version of JAX compiles other programs, so figures are kept by version.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from minimax_eqx._xla._compile import LEVEL_FLAG, RUNS_ONCE
from minimax_eqx._xla._lanes import LANES_VARIABLE

from .hlo import work_of

ACCEPTED = pathlib.Path(__file__).parent / "results" / "guard.json"
# One of each family; what the others do is part of these, as robust PLR is of ACCEL.
GUARDED = (
    "maze-dr",
    "maze-accel",
    "maze-parallel-accel",
    "maze-paired",
    "maze-sfl",
    "maze-dr-s5",
)
# Less than one kernel more in each step of a loop over time.
TOLERANCE = 0.001
FIGURES = {
    "flops": "FLOPs by XLA's analysis, loop bodies once",
    "bytes_accessed": "bytes accessed by XLA's analysis, loop bodies once",
    "temporary_bytes": "bytes of temporary memory",
    "kernels": "kernels in the program",
    "kernels_run": "kernels run in a cycle",
    "matrix_flops": "FLOPs of matrix products in a cycle",
    "bytes_written": "bytes written in a cycle",
}

Figures = dict[str, Any]  # FIGURES as numbers, and `loops`


def versions() -> str:
    """What decides how a program is compiled; figures of two machines are comparable if it is
    the same."""
    jaxlib = importlib.metadata.version("jaxlib")
    return f"jax {jax.__version__}, jaxlib {jaxlib}, {platform.machine()}"


def figures_of(compiled: Any, num_cycles: int = 1) -> Figures:
    """The figures of a compiled JAX program, those of a cycle as shares of `num_cycles`."""
    analysis = compiled.cost_analysis()
    work = dataclasses.asdict(work_of(compiled.as_text()))
    for name in ("kernels_run", "matrix_flops", "bytes_written"):
        work[name] = round(work[name] / num_cycles)
    loops = {path: " ".join(map(str, kernels)) for path, kernels in work.pop("loops").items()}
    return {
        "flops": round(analysis["flops"]),
        "bytes_accessed": round(analysis["bytes accessed"]),
        "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
        **work,
        "loops": loops,
    }


def measure(name: str) -> Figures:
    """The figures of a recipe's cycle, compiled as `train` does."""
    from minimax_eqx.recipes._known import RECIPES
    from minimax_eqx.runners._ahead import CompileAhead, making

    experiment = RECIPES[name]()
    num_cycles = experiment.schedule.log_every
    compiled = CompileAhead(making(experiment), num_cycles).compile()
    # Equinox's program wraps JAX's.
    return figures_of(compiled.compiled, num_cycles)


def compare(
    name: str, old: Figures, new: Figures, tolerance: float = TOLERANCE
) -> tuple[list[str], list[str]]:
    """What grew and what shrank by more than the tolerance, a line each."""
    grown, shrunk = [], []
    for figure, meaning in FIGURES.items():
        before, after = old[figure], new[figure]
        change = (after - before) / max(before, 1)
        if abs(change) > tolerance:
            line = f"{name}: {meaning}: {before:,} -> {after:,} ({change:+.2%})"
            (grown if change > 0 else shrunk).append(line)
    if grown:
        grown += _changed_loops(name, old["loops"], new["loops"])
    return grown, shrunk


def _changed_loops(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{name}:   kernels in loops of {path} steps: "
        f"{old.get(path, 'none')} -> {new.get(path, 'none')}"
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def report(
    measured: Mapping[str, Figures], accepted: Mapping[str, Any], version: str
) -> tuple[str, bool]:
    """What to print about these figures, and whether they pass."""
    known = accepted.get(version)
    if known is None:
        others = "; ".join(accepted) or "none"
        return (
            f"SKIPPED: there are no accepted figures for {version} (there are for: {others}).\n"
            "Nothing was compared. `python -m benchmarks guard --accept` records them.",
            True,
        )
    grown, shrunk, lines = [], [], []
    for name, figures in measured.items():
        if name not in known:
            grown.append(f"{name}: there are no accepted figures of this recipe")
            continue
        more, less = compare(name, known[name], figures)
        grown, shrunk = grown + more, shrunk + less
    if shrunk:
        lines += ["Shrunk; record it, so that it stays so, with --accept:", *shrunk]
    if grown:
        lines += [
            f"GROWN by more than {TOLERANCE:.1%}:",
            *grown,
            "If that is on purpose, run `python -m benchmarks guard --accept`, commit "
            "benchmarks/results/guard.json, and say why in the message.",
        ]
    if not lines:
        lines = [f"{len(measured)} programs do what they did ({version})."]
    return "\n".join(lines), not grown


def main(arguments: Sequence[str]) -> int:
    """Compiles, prints and compares; the exit status is 1 if something grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks guard", description=__doc__)
    parser.add_argument("recipes", nargs="*", help=f"by default {', '.join(GUARDED)}")
    parser.add_argument("--accept", action="store_true", help="record the figures as they are now")
    parser.add_argument("--file", type=pathlib.Path, default=ACCEPTED, help="accepted figures")
    options = parser.parse_args(arguments)
    unknown = set(options.recipes) - set(GUARDED)
    if unknown:
        parser.error(f"not guarded: {', '.join(sorted(unknown))}; guarded are {', '.join(GUARDED)}")
    accepted = json.loads(options.file.read_text()) if options.file.exists() else {}
    version = versions()
    names = options.recipes or GUARDED
    if version not in accepted and not options.accept:
        print(report({}, accepted, version)[0])
        return 0
    _compile_for_one_cpu()
    measured = {}
    for name in names:
        measured[name] = measure(name)
        print(_line(name, measured[name]), flush=True)
    if options.accept:
        accepted[version] = accepted.get(version, {}) | measured
        options.file.write_text(json.dumps(accepted, indent=1, sort_keys=True) + "\n")
        print(f"Accepted for {version}: {', '.join(measured)}.")
        return 0
    text, passed = report(measured, accepted, version)
    print(text)
    return 0 if passed else 1


def _compile_for_one_cpu() -> None:
    """Compiles for a machine without accelerator, whatever this one has."""
    # LLVM comes after what is read here, so it need not optimise.
    os.environ["XLA_FLAGS"] = f"--{LEVEL_FLAG}={RUNS_ONCE}"
    jax.config.update("jax_platforms", "cpu")
    os.environ[LANES_VARIABLE] = "2"
    # A program from the cache may come without its text.
    jax.config.update("jax_enable_compilation_cache", False)


def _line(name: str, figures: Figures) -> str:
    return (
        f"{name}: {figures['kernels']:,} kernels, {figures['kernels_run']:,} run in a cycle, "
        f"{figures['matrix_flops'] / 1e9:,.1f} GFLOP of matrix products, "
        f"{figures['bytes_written'] / 1e9:,.2f} GB written, "
        f"{figures['temporary_bytes'] / 1e6:,.0f} MB of temporary memory"
    )
