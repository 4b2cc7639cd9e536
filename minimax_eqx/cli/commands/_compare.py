"""`minimax-eqx compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..._composition._draft import draft_of, made
from ..._files import expanded
from .._read import read_several
from .._words import apply


@dataclass(frozen=True)
class Compare:
    """Compare methods across seeds. Each RUN is a folder, or a pattern such as 'runs/maze-*'.

    Runs that differ in nothing but seed, schedule and evaluation are seeds of one method; the
    others are compared with the method that you name first. Prints a table, with intervals over
    seeds, of the held-out tests that all runs took.
    """

    at: Literal["transitions", "updates", "end"] = "transitions"
    """What is equal of all runs: environment steps, updates, or nothing, at the end of each run."""
    measure: Literal["success_rate", "return"] = "success_rate"
    """What counts in each test."""
    target: float | None = None
    """What the optimality gap is measured from; for success rates it is 1 if not given."""
    confidence: float = 0.95
    """Confidence of all intervals."""
    resample: Literal["runs", "tasks"] = "runs"
    """What the bootstrap draws: whole runs, or runs for each test by itself, as rliable does."""
    out: str | None = None
    """A folder for comparison.json, comparison.csv and scores.csv; nothing is written without."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx compare`."""
    paths, given = read_several(words)
    draft = draft_of(Compare())
    apply([draft], given, target="RUN ...")
    if not paths:
        raise ValueError("The runs come first: minimax-eqx compare RUN ... [OPTIONS].")
    options: Compare = made(draft)
    from rich.console import Console

    from ...experiment._compare import compare
    from .._comparison import show, write_files
    from .._progress import say

    comparison = compare(
        paths,
        at=options.at,
        measure=options.measure,
        target=options.target,
        confidence=options.confidence,
        resample=options.resample,
    )
    console = Console()
    show(console, comparison)
    if options.out is not None:
        written = write_files(comparison, expanded(options.out))
        say(console, f"Written to {', '.join(map(str, written))}.")
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Compare(),)
