"""`python -m benchmarks`: measures, prints tables, and writes JSON and a page of results.

`python -m benchmarks page` makes the page again, and `python -m benchmarks methods` the table of
methods in `docs/methods`; `python -m benchmarks guard` checks that compiled programs have not
grown; `python -m benchmarks profile RECIPE` shows where a cycle's time goes; `python -m benchmarks
turns PART --with COMMAND` measures another program and this one by turns, and `python -m benchmarks
starts --with CHECKOUT` the starts of another version and this one; `python -m benchmarks zoo`
trains every method on small mazes, and says what each costs; `python -m benchmarks compared` trains
nine of them for hours, and compares them with error bars.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from . import comparison, guard, methods, page, profile, starts, turns, worlds, zoo
from .compared import command as compared
from .comparison import Comparison, ComparisonError
from .parts import ALL, DEFAULT, RESULTS, WORLDS, measure_apart, path_of
from .timing import Limits

WITH_ERRORS, BAD_INPUT = 1, 2
COMMANDS = {
    "compared": compared.main,
    "guard": guard.main,
    "methods": methods.main,
    "profile": profile.main,
    "starts": starts.main,
    "turns": turns.main,
    "zoo": zoo.main,
}


def main(arguments: Sequence[str]) -> int:
    """Measures the parts asked for; the exit status is 1 if one failed and 2 for bad input."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    options = _parser().parse_args(arguments)
    chosen = _chosen(options.parts)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"Unknown parts {', '.join(unknown)}; known are {', '.join(ALL)}.", file=sys.stderr)
        return BAD_INPUT
    try:
        # Before anything is measured, which takes long.
        compared = _compared(options.compare, options.out)
    except ComparisonError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    limits = Limits(options.seconds, options.memory, options.max_levels)
    failed = _measure(chosen, limits, options.out, compared)
    try:
        _compared(options.compare, options.out)  # lines of what is measured only now
    except ComparisonError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    for path in options.compare:
        comparison.keep(path, options.out)
    print(f"\n{page.write(options.out)}")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return WITH_ERRORS if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        help="what to measure; `all` is everything there is, `page` nothing. "
        f"By default: {' '.join(DEFAULT)}",
    )
    limits = Limits()
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder for the results")
    parser.add_argument(
        "--compare",
        type=pathlib.Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another program's timings, for columns beside ours; may be given again",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=limits.seconds,
        help="the most that the calls of one line may take (%(default)g)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=limits.memory_gb,
        help="the most GB that a program of part `levels` may need (%(default)g)",
    )
    parser.add_argument(
        "--max-levels",
        type=int,
        default=limits.max_levels,
        help="the most levels in part `levels` (%(default)d)",
    )
    return parser


def _chosen(names: Sequence[str]) -> list[str]:
    if list(names) == ["page"]:
        return []
    if list(names) == ["all"]:
        return list(ALL)
    return list(names) or list(DEFAULT)


def _compared(paths: Sequence[pathlib.Path], folder: pathlib.Path) -> list[Comparison]:
    results, compared = page.read_results(folder), []
    for path in paths:
        one = comparison.read(path)
        comparison.check_lines(path, one, results, ALL)
        compared.append(one)
    return compared


def _measure(
    names: Sequence[str],
    limits: Limits,
    folder: pathlib.Path,
    compared: Sequence[Comparison],
) -> list[str]:
    """Measures, prints and writes one part after another; returns those that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in names:
        try:
            data = measure_apart(name, limits)
        except subprocess.CalledProcessError:
            failed.append(name)
            continue
        path = path_of(name, folder)
        if name == WORLDS and path.exists():
            data = worlds.with_others(data, json.loads(path.read_text()))
        path.write_text(json.dumps(data, indent=2) + "\n")
        print(f"\n## {name}\n\n{page.table(name, data, compared)}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
