"""`python -m benchmarks starts --with CHECKOUT`: starts of another checkout and this one by turns.

Theirs, ours, theirs, ours: so a machine whose speed drifts does so for both. Each start is a
process of its own that goes on until the first update of a recipe, cold (nothing is compiled
before) and with a warm cache of compiled programs. Both run in this Python with its packages.
"""

import argparse
import pathlib
import resource
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence

from .startup import NO_CACHE, cache_in, start

STARTS, BAD_INPUT = 5, 2
HERE = pathlib.Path(__file__).parent.parent
# Seconds from the start of a process; its processors' seconds in all.
MEASURED = ("imported", "created", "first_update", "processor")


def main(arguments: Sequence[str]) -> int:
    """Prints medians, the least, and the ratio of ours to theirs: of medians, and the median of
    the pairs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks starts", description=__doc__)
    parser.add_argument("recipe", nargs="?", default="maze-dr")
    parser.add_argument(
        "--with", dest="other", type=pathlib.Path, required=True, metavar="CHECKOUT"
    )
    parser.add_argument("--starts", type=int, default=STARTS, help="of each (%(default)d)")
    options = parser.parse_args(arguments)
    if options.starts < 1:
        print(f"--starts is {options.starts}; it must be at least 1.", file=sys.stderr)
        return BAD_INPUT
    if not (options.other / "benchmarks" / "startup.py").is_file():
        print(f"{options.other} is no checkout with benchmarks/startup.py.", file=sys.stderr)
        return BAD_INPUT
    checkouts = (options.other.resolve(), HERE)
    print(f"{options.recipe}, {options.starts} starts of each: seconds, median (least)")
    for kind in ("cold", "warm cache"):
        for line in _lines(kind, list(_pairs(options.recipe, kind, checkouts, options.starts))):
            print(line, flush=True)
    return 0


def _pairs(
    recipe: str, kind: str, checkouts: Sequence[pathlib.Path], starts: int
) -> Iterator[list[dict[str, float]]]:
    """What each start of a pair measured. The first pair is not counted: it writes Python's byte
    code, and fills the caches."""
    with tempfile.TemporaryDirectory() as folder:
        # A cache for each.
        caches = [cache_in(f"{folder}/{i}") for i in range(len(checkouts))]
        environments = [NO_CACHE] * len(checkouts) if kind == "cold" else caches
        for i in range(starts + 1):
            pair = [_start(recipe, *each) for each in zip(environments, checkouts, strict=True)]
            if i > 0:
                yield pair


def _start(recipe: str, environment: dict[str, str], checkout: pathlib.Path) -> dict[str, float]:
    before = _processor()
    measured = start(recipe, environment, checkout)
    return measured | {"processor": _processor() - before}


def _processor() -> float:
    """Seconds that processes which this one waited for have computed."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _lines(kind: str, pairs: Sequence[Sequence[dict[str, float]]]) -> Iterator[str]:
    for name in MEASURED:
        theirs, ours = ([start[name] for start in starts] for starts in zip(*pairs, strict=True))
        medians = statistics.median(theirs), statistics.median(ours)
        of_pairs = statistics.median(our / their for their, our in zip(theirs, ours, strict=True))
        yield (
            f"{kind:<11}{name:<13} theirs {medians[0]:6.2f} ({min(theirs):.2f})  "
            f"ours {medians[1]:6.2f} ({min(ours):.2f})  "
            f"ratio {medians[1] / medians[0]:.3f}, of pairs {of_pairs:.3f}"
        )
