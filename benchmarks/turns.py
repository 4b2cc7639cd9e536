"""`python -m benchmarks turns PART ... --with COMMAND`: another program and this one by turns.

COMMAND measures the other program and prints, as its last line, what a file for `--compare` holds.
Ours, theirs, ours, theirs: so a machine whose speed drifts does so for both, and their ratio is one
of programs. What was measured is kept for the page of results.
"""

import argparse
import collections
import datetime
import json
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from . import comparison, page
from .comparison import FOLDER, RATE, Comparison, ComparisonError
from .parts import ALL, RESULTS, measure_apart
from .timing import Limits

ROUNDS = 3
BAD_INPUT = 2


def main(arguments: Sequence[str]) -> int:
    """Measures, keeps what was measured and makes the page again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks turns", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=ALL, metavar="PART")
    parser.add_argument("--with", dest="command", required=True, help="measures the other program")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each (%(default)d)")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args(arguments)
    turns, other = [], None
    try:
        for _ in range(options.rounds):
            turns.append(_our_turn(options.parts))
            turn, other = _their_turn(options.command)
            turns.append(turn)
    except (ComparisonError, subprocess.CalledProcessError, OSError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    if other is None:
        print(f"--rounds is {options.rounds}; it must be at least 1.", file=sys.stderr)
        return BAD_INPUT
    path = options.out / FOLDER / (re.sub(r"\W+", "-", other.program.lower()) + ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(merged(other, turns), indent=2) + "\n")
    kept = comparison.read(path)
    for line in kept.lines:
        ratio = kept.ratio(line)
        print(f"{line}: {'no two turns were alike' if ratio is None else f'{ratio:.2f}x'}")
    print(page.write(options.out))
    return 0


def merged(other: Comparison, turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the file holds: all turns, and the medians of the other program's."""
    theirs = [turn for turn in turns if not turn["ours"]]
    seconds: dict[str, list[float]] = collections.defaultdict(list)
    for turn in theirs:
        for line, value in turn["lines"].items():
            seconds[line].append(value)
    return {
        "program": other.program,
        "version": other.version,
        "machine": {RATE: statistics.median(turn[RATE] for turn in theirs)},
        "lines": {line: statistics.median(values) for line, values in seconds.items()},
        "turns": list(turns),
    }


def _our_turn(parts: Sequence[str]) -> dict[str, Any]:
    begun, lines, rates = _now(), {}, []
    for part in parts:
        data = measure_apart(part, Limits())
        rates.append(data["machine"][RATE])
        for line, timing in data["timings"].items():
            if "seconds" in timing:
                lines[f"{part}, {line}"] = timing["seconds"]
    return _turn(True, begun, statistics.median(rates), lines)


def _their_turn(command: str) -> tuple[dict[str, Any], Comparison]:
    begun = _now()
    output = subprocess.run(
        shlex.split(command), check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "what the command printed"
        path.write_text(output.strip().split("\n")[-1])
        other = comparison.read(path)
    return _turn(False, begun, other.gflops, other.lines), other


def _turn(ours: bool, begun: str, rate: float, lines: Mapping[str, float]) -> dict[str, Any]:
    return {"ours": ours, "begun": begun, "ended": _now(), RATE: rate, "lines": dict(lines)}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
