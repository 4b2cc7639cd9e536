"""The page of results, made from the JSON files beside it and nothing else."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from . import comparison, large_batches, tournament
from .accelerator.plan import NAMES
from .comparison import Comparison
from .guard import ACCEPTED

PAGE = "README.md"
ACCELERATOR = "accelerator"
HEADER = """# Results

Made by `python -m benchmarks page` from the JSON files in this folder; do not edit it.
[docs/performance.md](../../docs/performance.md) says what each part measures and how to read it.

MFU is model FLOP utilisation: the useful work, divided by what the matrix product would have done
in the same time. Another program's seconds are those of its own moment. "By turns" is its seconds
divided by ours, where the two were measured by turns, within minutes and at the same rate of the
matrix product. Where they were not, there is no ratio.
"""
NO_ACCELERATOR = "Nothing was measured on one yet. `benchmarks/accelerator/run` measures there."

Results = Mapping[str, Mapping[str, Any]]


def read_results(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The parts measured so far, by name."""
    results = {}
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        if "timings" in data and "machine" in data:
            name = path.stem
            results["start:" + name[6:] if name.startswith("start-") else name] = data
    return results


def read_accelerators(folder: pathlib.Path) -> list[dict[str, Any]]:
    """What `benchmarks/accelerator/run` wrote, but for what it measured in small, by device and in
    the order of its parts."""
    found = [
        json.loads(path.read_text()) for path in sorted((folder / ACCELERATOR).glob("*/*.json"))
    ]
    # A part whose process did not get so far as to name its device says nothing.
    told = [data for data in found if "machine" in data and not data.get("small")]
    return sorted(told, key=lambda data: (data["machine"]["device"], NAMES.index(data["part"])))


def write(folder: pathlib.Path) -> pathlib.Path:
    """Makes the page again, and returns where it is."""
    accepted = folder / ACCEPTED.name
    guarded = json.loads(accepted.read_text()) if accepted.exists() else {}
    text = page(
        read_results(folder), comparison.read_all(folder), guarded, read_accelerators(folder)
    )
    if contests := tournament.read(folder):
        text += f"\n{tournament.section(contests)}"
    trained = large_batches.read(folder)
    path = folder / PAGE
    path.write_text(f"{text}\n{large_batches.section(trained)}" if trained else text)
    return path


def page(
    results: Results,
    comparisons: Sequence[Comparison],
    guarded: Mapping[str, Any],
    accelerators: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page as Markdown."""
    sections = [HEADER, f"## Accelerators\n\n{'' if accelerators else NO_ACCELERATOR}"]
    sections += [_on_accelerator(data, results) for data in accelerators]
    sections.append(_machines(results))
    sections += [f"## {name}\n\n{table(name, data, comparisons)}" for name, data in results.items()]
    sections += [_guarded(version, figures) for version, figures in sorted(guarded.items())]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def table(part: str, data: Mapping[str, Any], comparisons: Sequence[Comparison] = ()) -> str:
    """A part's lines as a Markdown table; columns in which nothing is said are left out."""
    columns = ["line", "median", "best", "rate", "MFU", "memory", "notes"]
    for other in comparisons:
        columns += [f"{other.title}, at {other.gflops:,.0f} GFLOP/s", "by turns"]
    rows = []
    for line, timing in data["timings"].items():
        row = [line, *_timing_cells(timing)]
        for other in comparisons:
            row += comparison.cells(other, part, line)
        rows.append(row)
    return _markdown(columns, rows)


def _on_accelerator(data: Mapping[str, Any], results: Results) -> str:
    """A part that was measured on an accelerator, beside what measures the same on a CPU."""
    machine = data["machine"]
    rates = ", ".join(
        f"{name} {rate:,.0f} GFLOP/s"
        for name, rate in machine.get("matrix_product_gflops_in", {}).items()
    )
    about = (
        f"{machine['date']}, commit {machine['commit']}, jax {machine['jax']}; "
        f"{data.get('outcome', 'stopped')}. A large matrix product: {rates}."
    )
    columns = ["line", "median", "best", "rate", "MFU", "memory", "notes", "median on a CPU"]
    rows = []
    for line, timing in data["timings"].items():
        part, _, name = timing.get("beside", "").partition(", ")
        there = results.get(part, {}).get("timings", {}).get(name, {})
        seconds = f"{there['seconds']:.4g} s" if "seconds" in there else ""
        rows.append([line, *_timing_cells(timing), seconds])
    title = f"### {machine['devices']} x {machine['device']}: {data['part']}"
    return f"{title}\n\n{about}\n\n{_markdown(columns, rows)}"


def _timing_cells(timing: Mapping[str, Any]) -> list[str]:
    def cell(key: str, form: str) -> str:
        return form.format(timing[key]) if key in timing else ""

    kinds = ("peak_device_memory_gb", "peak_memory_gb", "program_memory_gb")
    memory = next((cell(kind, "{:.2f} GB") for kind in kinds if kind in timing), "")
    notes = [cell("left_out", "left out: {}"), cell("failed", "failed: {}"), cell("note", "{}")]
    if "imported" in timing:
        notes.append(
            f"imports {timing['imported']:.1f} s, runner {timing['created']:.1f} s, "
            f"{timing['later_compilations']} compilations later"
        )
    return [
        cell("seconds", "{:.4g} s"),
        cell("best_seconds", "{:.4g} s"),
        cell("steps_per_second", "{:,.0f} steps/s"),
        cell("utilisation", "{:.0%}"),
        memory,
        "; ".join(note for note in notes if note),
    ]


def _machines(results: Results) -> str:
    columns = ["part", "date", "matrix product", "processor", "device", "versions", "peak memory"]
    rows = []
    for name, data in results.items():
        machine = data["machine"]
        commit = f" at {machine['commit']}" if "commit" in machine else ""
        peaks = [
            f"{data[key]:.2f} GB{where}"
            for key, where in (("peak_memory_gb", ""), ("peak_device_memory_gb", " on the device"))
            if key in data
        ]
        rows.append(
            [
                name,
                machine["date"],
                f"{machine['matrix_product_gflops']:,.0f} GFLOP/s",
                f"{machine['cores']} cores, {machine['processor']}",
                f"{machine.get('devices', 1)} x {machine.get('device', machine['backend'])}",
                f"minimax_eqx {machine['minimax_eqx']}{commit}, jax {machine['jax']}, "
                f"equinox {machine['equinox']}, Python {machine['python']}",
                ", ".join(peaks),
            ]
        )
    return "## Machines and versions\n\n" + _markdown(columns, rows)


def _guarded(version: str, recipes: Mapping[str, Any]) -> str:
    columns = ["recipe", "kernels", "run in a cycle", "matrix products", "written", "temporary"]
    rows = [
        [
            name,
            f"{figures['kernels']:,}",
            f"{figures['kernels_run']:,}",
            f"{figures['matrix_flops'] / 1e9:,.1f} GFLOP",
            f"{figures['bytes_written'] / 1e9:,.2f} GB",
            f"{figures['temporary_bytes'] / 1e6:,.0f} MB",
        ]
        for name, figures in sorted(recipes.items())
    ]
    return f"## Compiled cycles on a CPU ({version})\n\n" + _markdown(columns, rows)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    lines = [
        [columns[i] for i in kept],
        ["---" if i == 0 else "---:" for i in kept],
        *([row[i] for i in kept] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
