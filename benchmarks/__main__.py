"""`python -m benchmarks`: measures, prints a table and writes JSON."""

import argparse
import datetime
import json
import os
import pathlib
import platform
from typing import Any

import equinox
import jax

import minimax_eqx

from . import cycle, env, startup
from .timing import MatrixProduct

RESULTS = pathlib.Path(__file__).parent / "results" / "foundation.json"
PRESET = "maze-dr"


def main() -> None:
    """Runs all measurements; about three minutes on two cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="where the JSON goes")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"start": startup.bench(PRESET)}
    yardstick = MatrixProduct()
    results["env"] = env.bench(yardstick)
    results["cycle"] = cycle.bench(PRESET, yardstick)
    results["machine"] = {
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
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    machine = results["machine"]
    rows = [
        ("what", "median", "best", "rate", "model FLOP utilisation"),
        ("---", "---:", "---:", "---:", "---:"),
    ]
    for name, timing in results["env"].items():
        rows.append(
            (
                f"env alone, {env.BATCH} mazes, {env.NUM_STEPS} steps, {name}",
                f"{timing['seconds']:.3f} s",
                f"{timing['best_seconds']:.3f} s",
                f"{timing['steps_per_second'] / 1e6:.1f} M steps/s "
                f"(best {timing['best_steps_per_second'] / 1e6:.1f})",
                "",
            )
        )
    for name, timing in results["cycle"].items():
        rows.append(
            (
                f"{PRESET}, {name}",
                f"{timing['seconds']:.3f} s",
                f"{timing['best_seconds']:.3f} s",
                f"{timing['steps_per_second']:,.0f} steps/s",
                f"{timing['utilisation']:.0%}",
            )
        )
    start = results["start"]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += [
        "",
        f"{PRESET}: process start to first finished update {start['first_update']:.1f} s "
        f"(imports done at {start['imported']:.1f} s, runner made at {start['created']:.1f} s), "
        f"{start['later_compilations']} compilations after it, "
        f"peak memory {start['peak_memory_gb']:.2f} GB.",
        f"Matrix product: {machine['matrix_product_gflops']:.0f} GFLOP/s on {machine['cores']} "
        f"cores; jax {machine['jax']}, equinox {machine['equinox']}, {machine['date']}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
