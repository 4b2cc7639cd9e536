"""`python -m benchmarks`: measures, prints a table and writes JSON."""

import argparse
import datetime
import json
import os
import pathlib
import platform
from collections.abc import Callable
from typing import Any

import equinox
import jax

import minimax_eqx

from . import buffer, cycle, env, replay, startup
from .timing import MatrixProduct

RESULTS = pathlib.Path(__file__).parent / "results"
# Every part: what it measures, given the yardstick. Starts of processes come first, while this
# process has started no device of its own.
PARTS: dict[str, Callable[[MatrixProduct], dict[str, Any]]] = {
    "env": env.bench,
    "maze-dr": lambda yardstick: cycle.bench("maze-dr", yardstick),
    "maze-robust-plr": lambda yardstick: replay.bench("maze-robust-plr", yardstick),
    "maze-accel": lambda yardstick: replay.bench("maze-accel", yardstick),
    "maze-paired": lambda yardstick: cycle.bench_teacher("maze-paired", yardstick),
    "cores": lambda yardstick: cycle.bench_cores("maze-dr", yardstick),
    "buffer": buffer.bench,
}
STARTS = ("maze-dr", "maze-robust-plr", "maze-accel", "maze-paired")


def main() -> None:
    """Runs the parts asked for; all of them take about fifteen minutes on two cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [f"start:{name}" for name in STARTS] + list(PARTS)
    parser.add_argument("parts", nargs="*", help=f"parts to measure, all by default: {names}")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder for the JSON")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(names)
    if unknown:
        parser.error(f"unknown parts {sorted(unknown)}; known are {', '.join(names)}")
    chosen = arguments.parts or names
    results = {
        name: {"process start": startup.bench(name.removeprefix("start:"))}
        for name in chosen
        if name.startswith("start:")
    }
    yardstick = MatrixProduct()
    results |= {name: PARTS[name](yardstick) for name in chosen if name in PARTS}
    arguments.out.mkdir(parents=True, exist_ok=True)
    machine = describe_machine(yardstick)
    for name, timings in results.items():
        path = arguments.out / f"{name.replace(':', '-')}.json"
        path.write_text(json.dumps({"timings": timings, "machine": machine}, indent=2) + "\n")
    print(table(results))
    print(
        f"\nMatrix product: {machine['matrix_product_gflops']:.0f} GFLOP/s on "
        f"{machine['cores']} cores; jax {machine['jax']}, equinox {machine['equinox']}, "
        f"{machine['date']}."
    )


def describe_machine(yardstick: MatrixProduct) -> dict[str, Any]:
    """What the timings were taken on, and when."""
    return {
        "matrix_product_gflops": yardstick.rate() / 1e9,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "backend": jax.default_backend(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "equinox": equinox.__version__,
        "minimax_eqx": minimax_eqx.__version__,
        "date": datetime.date.today().isoformat(),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    rows: list[tuple[str, ...]] = [
        ("what", "median", "best", "rate", "model FLOP utilisation"),
        ("---", "---:", "---:", "---:", "---:"),
    ]
    for part, timings in results.items():
        for name, timing in timings.items():
            if part.startswith("start:"):
                rows.append(_start_row(part.removeprefix("start:"), timing))
                continue
            rate = timing.get("steps_per_second")
            share = timing.get("utilisation")
            rows.append(
                (
                    f"{part}, {name}",
                    f"{timing['seconds']:.4f} s",
                    f"{timing['best_seconds']:.4f} s",
                    f"{rate:,.0f} steps/s" if rate else "",
                    f"{share:.0%}" if share else "",
                )
            )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _start_row(name: str, start: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{name}, process start to first update; {start['later_compilations']} compilations after",
        f"{sorted(start['all_first_update'])[len(start['all_first_update']) // 2]:.1f} s",
        f"{start['first_update']:.1f} s",
        f"imports {start['imported']:.1f} s, runner {start['created']:.1f} s",
        f"{start['peak_memory_gb']:.2f} GB",
    )


if __name__ == "__main__":
    main()
