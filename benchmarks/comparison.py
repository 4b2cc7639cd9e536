"""Another program's timings beside these."""

import json
import math
import pathlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

FOLDER = "compared"
RATE = "matrix_product_gflops"
# Rates of the yardstick that differ by less are those of the same machine.
SAME_RATE = 0.02


class ComparisonError(ValueError):
    """A timing file that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Comparison:
    """What another program took for the same work."""

    program: str
    version: str
    gflops: float
    """Rate of a large float32 matrix product on its machine."""
    lines: Mapping[str, float]
    """Seconds, by `PART, LINE` as in the tables here."""

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
    lines = data.get("lines")
    if not isinstance(lines, dict) or not lines:
        raise ComparisonError(f'{path}: "lines" must name at least one line and its seconds.')
    for name, value in lines.items():
        if not _positive(value):
            raise ComparisonError(
                f"{path}: line {name!r} is {value!r}; it must be seconds, a positive number."
            )
    return Comparison(data["program"], data["version"], float(gflops), lines)


def check_lines(
    path: pathlib.Path,
    comparison: Comparison,
    results: Mapping[str, Mapping[str, Any]],
    parts: Collection[str],
) -> None:
    """Raises `ComparisonError` for lines that no measurement here has, naming those it has."""
    for name in comparison.lines:
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


def read_all(folder: pathlib.Path) -> list[Comparison]:
    """The comparisons kept with the results, by name of their files."""
    return [read(path) for path in sorted((folder / FOLDER).glob("*.json"))]


def keep(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts a timing file beside the results, so that the page can be made again."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / FOLDER / f"{path.stem}.json").write_text(path.read_text())


def cells(
    comparison: Comparison,
    part: str,
    line: str,
    ours: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> tuple[str, str, str]:
    """Its seconds; how many times ours that is; and the same in units of each machine's matrix
    product, where those differ."""
    theirs = comparison.lines.get(f"{part}, {line}")
    if theirs is None or "seconds" not in ours:
        return "", "", ""
    ratio = theirs / ours["seconds"]
    relative_rate = comparison.gflops / machine[RATE]
    same = abs(relative_rate - 1) < SAME_RATE
    normalised = "" if same else f"{ratio * relative_rate:.2f}x"
    return f"{theirs:.4g} s", f"{ratio:.2f}x", normalised


def _positive(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0
