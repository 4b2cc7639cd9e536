"""Measures on the accelerator that JAX finds, one part after another, each in its own process.

Writes one JSON file for each part, row by row, to --out, or else to the folder that the environment
variable OUT names, or else to benchmarks/results/accelerator/DEVICE. The exit status is 1 if a part
did not finish, and 2 if nothing could be measured.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import children, rows
from .plan import PARTS, TOTAL_SECONDS, Part, chosen, seconds_for

FOLDER = pathlib.Path(__file__).parents[1] / "results" / "accelerator"
WITH_ERRORS, NOTHING_MEASURED = 1, 2
PROBE_SECONDS = 60.0
# With --small there may be little of a processor, where a limit would say nothing.
PATIENCE = 4.0


def main(arguments: Sequence[str]) -> int:
    """Measures the parts asked for and prints their tables."""
    options = _parser().parse_args(arguments)
    begin = time.monotonic()
    try:
        parts = chosen(options.parts)
        limit = TOTAL_SECONDS * (PATIENCE if options.small else 1.0)
        limit = limit if options.limit is None else options.limit
        if not limit > 0:
            raise ValueError(f"--limit is {limit:g}; it must be a positive time in seconds.")
        if options.record:
            return _record()
        with tempfile.TemporaryDirectory() as cache:
            environment = _environment(cache, options.small)
            found = _probe(environment, options.small)
            folder = options.out or _default_folder(found, options.small)
            folder.mkdir(parents=True, exist_ok=True)
            place = Place(found, folder, environment, options.small)
            unfinished = _measure(parts, place, until=begin + limit)
    except ValueError as error:
        print(error, file=sys.stderr)
        return NOTHING_MEASURED
    print(f"\n{folder}")
    if unfinished:
        print(f"Not finished: {', '.join(unfinished)}.", file=sys.stderr)
    return WITH_ERRORS if unfinished else 0


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {part.name:15}{part.what}" for part in PARTS)
    parser = argparse.ArgumentParser(
        prog="benchmarks/accelerator/run",
        description=__doc__,
        epilog=f"parts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all, if none is named")
    parser.add_argument(
        "--limit",
        type=float,
        metavar="SECONDS",
        help=f"the most that all parts together may take ({TOTAL_SECONDS:g}; more with --small)",
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="tiny sizes on any backend, to test this program; the figures mean nothing",
    )
    parser.add_argument("--out", type=pathlib.Path, help="folder for the JSON files")
    parser.add_argument(
        "--record",
        action="store_true",
        help="record what a CPU computes, for the part `smoke`, and measure nothing",
    )
    return parser


def _environment(cache: str, small: bool) -> dict[str, str]:
    """Of the processes: one cache of compiled programs for all, and no more memory than is used."""
    defaults = {
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        # Else JAX takes most of the memory at once: peaks would say nothing, and a process that
        # another one starts would find none.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.95",
    }
    if small:
        # Most of that time goes to compiling programs that are run a few times.
        defaults["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    return defaults | os.environ


def _probe(environment: Mapping[str, str], small: bool) -> dict[str, Any]:
    """Which device JAX finds. Raises `ValueError` if there is none to measure on."""
    ended = children.run(["probe"], environment, PROBE_SECONDS)
    if not ended.finished:
        raise ValueError(
            f"{ended.errors.strip()}\n\nThe project cannot be imported, or JAX finds no device "
            f"({ended.outcome}); benchmarks/accelerator/README.md says what has to be installed."
        )
    found = json.loads(ended.output.splitlines()[-1])
    print(f"{found['devices']} x {found['device']} ({found['backend']})", flush=True)
    if found["backend"] == "cpu" and not small:
        raise ValueError(
            "JAX finds no accelerator, only a CPU, on which `python -m benchmarks` measures; "
            "--small tests this program on one."
        )
    return found


def _default_folder(found: Mapping[str, Any], small: bool) -> pathlib.Path:
    if given := os.environ.get("OUT"):
        return pathlib.Path(given)
    if small:
        return pathlib.Path(tempfile.mkdtemp(prefix="minimax_eqx-accelerator-"))
    return FOLDER / re.sub(r"[^a-z0-9]+", "-", found["device"].lower()).strip("-")


@dataclass(frozen=True)
class Place:
    """On what the parts are measured, and where their files go."""

    found: Mapping[str, Any]
    """The device, as the probe says it."""
    folder: pathlib.Path
    environment: Mapping[str, str]
    small: bool

    def lacks(self, part: Part) -> bool:
        """Whether a part needs more devices than there are."""
        return self.found["backend"] != "cpu" and part.num_devices > self.found["devices"]


def _measure(parts: Sequence[Part], place: Place, until: float) -> list[str]:
    """Measures one part after another; returns those that did not finish."""
    unfinished = []
    for part in filter(place.lacks, parts):
        print(f"{part.name}: left out, it needs {part.num_devices} devices", flush=True)
    parts = [part for part in parts if not place.lacks(part)]
    for index, part in enumerate(parts):
        begin = time.monotonic()
        patience = PATIENCE if place.small else 1.0
        seconds = seconds_for(part, parts[index + 1 :], until - begin, patience)
        if not seconds:
            print(f"\n{part.name}: left out, no time is left", flush=True)
            unfinished.append(part.name)
            continue
        path = place.folder / f"{part.name}.json"
        path.unlink(missing_ok=True)
        arguments = [part.name, str(path), "--seconds", f"{seconds:.1f}"]
        arguments += ["--devices", str(part.num_devices)] + ["--small"] * place.small
        ended = children.run(arguments, place.environment, seconds)
        outcome = {"outcome": ended.outcome, "took_seconds": round(time.monotonic() - begin, 1)}
        _conclude(path, part, outcome, ended)
        if not ended.finished:
            unfinished.append(part.name)
    return unfinished


def _conclude(
    path: pathlib.Path, part: Part, outcome: Mapping[str, Any], ended: children.Ended
) -> None:
    """Adds to a part's file how it ended, and prints it."""
    data = json.loads(path.read_text()) if path.exists() else {"part": part.name, "timings": {}}
    data |= outcome
    if not ended.finished:
        data["errors"] = ended.errors.strip().splitlines()[-20:]
    rows.write(path, data)
    lines = len(data["timings"])
    print(f"\n{part.name}: {ended.outcome}, {lines} rows in {outcome['took_seconds']} s")
    for line, row in data["timings"].items():
        print(f"  {line}: {_in_words(row)}")
    if not ended.finished:
        print("\n".join(data["errors"]), file=sys.stderr)
    sys.stdout.flush()


def _in_words(row: Mapping[str, Any]) -> str:
    forms = {
        "seconds": "{:.4g} s",
        "steps_per_second": "{:,.0f} steps/s",
        "utilisation": "{:.0%} MFU",
        "program_memory_gb": "{:.2f} GB",
        "note": "{}",
        "left_out": "left out: {}",
        "failed": "failed: {}",
    }
    return ", ".join(form.format(row[key]) for key, form in forms.items() if key in row)


def _record() -> int:
    from .smoke import record

    print(record())
    return 0


if __name__ == "__main__":
    # Processes are ended on the way out, which a plain SIGTERM would not take.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(sys.argv[1:]))
