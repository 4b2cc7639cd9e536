"""Another program's timings beside these."""

import datetime
import itertools
import json
import math
import pathlib
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FOLDER = "compared"
RATE = "matrix_product_gflops"
# Rates of the yardstick that differ by less are those of a machine in the same state.
SAME_RATE = 0.02
# From the beginning of one turn to the end of the next.
WITHIN = datetime.timedelta(minutes=15)
# So many pairs of neighbouring turns have to agree with that before a ratio is said.
LEAST_PAIRS = 2


class ComparisonError(ValueError):
    """A timing file that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Turn:
    """One program's run of what both are measured at, one after the other and again."""

    ours: bool
    begun: datetime.datetime
    ended: datetime.datetime
    gflops: float
    """Rate of the matrix product during the turn."""
    lines: Mapping[str, float]
    """Seconds, by `PART, LINE`."""

    def is_beside(self, other: "Turn") -> bool:
        """Whether the two differ in their program and in little else."""
        return (
            self.ours != other.ours
            and max(self.ended, other.ended) - min(self.begun, other.begun) <= WITHIN
            and abs(self.gflops / other.gflops - 1) < SAME_RATE
        )


@dataclass(frozen=True)
class Comparison:
    """What another program took for the same work."""

    program: str
    version: str
    gflops: float
    """Rate of a large float32 matrix product on its machine."""
    lines: Mapping[str, float]
    """Seconds, by `PART, LINE` as in the tables here."""
    turns: Sequence[Turn] = ()
    """In the order in which they were taken; empty if the two were not measured by turns."""

    def ratio(self, line: str) -> float | None:
        """Its seconds divided by ours, the median over neighbouring turns on a machine in the same
        state; None if there are too few of those."""
        ratios = []
        for pair in itertools.pairwise(turn for turn in self.turns if line in turn.lines):
            if pair[0].is_beside(pair[1]):
                ours, theirs = pair if pair[0].ours else reversed(pair)
                ratios.append(theirs.lines[line] / ours.lines[line])
        return statistics.median(ratios) if len(ratios) >= LEAST_PAIRS else None

    @property
    def title(self) -> str:
        """The program with its version."""
        return f"{self.program} {self.version}"


def read(path: pathlib.Path) -> Comparison:
    """The timings in a file. Raises `ComparisonError` for a file of another form."""
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise ComparisonError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ComparisonError(f"{path}: not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise ComparisonError(f"{path}: must be an object, not {type(data).__name__}.")
    for key in ("program", "version"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise ComparisonError(f'{path}: "{key}" must be a text; it is {data.get(key)!r}.')
    machine = data.get("machine")
    gflops: Any = machine.get(RATE) if isinstance(machine, dict) else None
    if not _positive(gflops):
        raise ComparisonError(f'{path}: "machine" must have a positive "{RATE}"; it is {gflops!r}.')
    lines = _lines(path, data)
    turns = data.get("turns", [])
    if not isinstance(turns, list):
        raise ComparisonError(f'{path}: "turns" must be a list; it is {turns!r}.')
    return Comparison(
        data["program"], data["version"], float(gflops), lines, [_turn(path, t) for t in turns]
    )


def _lines(path: pathlib.Path, data: Mapping[str, Any]) -> Mapping[str, float]:
    lines = data.get("lines")
    if not isinstance(lines, dict) or not lines:
        raise ComparisonError(f'{path}: "lines" must name at least one line and its seconds.')
    for name, value in lines.items():
        if not _positive(value):
            raise ComparisonError(
                f"{path}: line {name!r} is {value!r}; it must be seconds, a positive number."
            )
    return lines


def _turn(path: pathlib.Path, data: Any) -> Turn:
    if not isinstance(data, dict) or not isinstance(data.get("ours"), bool):
        raise ComparisonError(
            f'{path}: each of "turns" must say whether it is "ours"; not {data!r}.'
        )
    if not _positive(data.get(RATE)):
        raise ComparisonError(
            f'{path}: the "{RATE}" of a turn is {data.get(RATE)!r}, not positive.'
        )
    begun, ended = (_moment(path, name, data.get(name)) for name in ("begun", "ended"))
    return Turn(data["ours"], begun, ended, float(data[RATE]), _lines(path, data))


def _moment(path: pathlib.Path, name: str, text: Any) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ComparisonError(
            f'{path}: "{name}" of a turn is {text!r}; it must be a date and time with its offset, '
            "such as 2026-01-31T12:00:00+00:00."
        )
    return moment


def check_lines(
    path: pathlib.Path,
    comparison: Comparison,
    results: Mapping[str, Mapping[str, Any]],
    parts: Collection[str],
) -> None:
    """Raises `ComparisonError` for lines that no measurement here has, naming those it has."""
    for name in _all_lines(comparison):
        part, _, line = name.partition(", ")
        if part not in parts:
            raise ComparisonError(
                f"{path}: line {name!r} begins with no part; parts are {', '.join(parts)}."
            )
        known = results.get(part, {}).get("timings")
        if known is not None and line not in known:
            raise ComparisonError(
                f"{path}: part {part} has no line {line!r}; it has {', '.join(known)}."
            )


def _all_lines(comparison: Comparison) -> Iterator[str]:
    yield from comparison.lines
    for turn in comparison.turns:
        yield from turn.lines


def read_all(folder: pathlib.Path) -> list[Comparison]:
    """The comparisons kept with the results, by name of their files."""
    return [read(path) for path in sorted((folder / FOLDER).glob("*.json"))]


def keep(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts a timing file beside the results, so that the page can be made again."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / FOLDER / f"{path.stem}.json").write_text(path.read_text())


def cells(comparison: Comparison, part: str, line: str) -> tuple[str, str]:
    """Its seconds, and how many times ours they are, if the two were taken by turns: a ratio of two
    moments would be as much one of what else the machine did."""
    name = f"{part}, {line}"
    theirs, ratio = comparison.lines.get(name), comparison.ratio(name)
    return (
        "" if theirs is None else f"{theirs:.4g} s",
        "" if ratio is None else f"{ratio:.2f}x",
    )


def _positive(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0
