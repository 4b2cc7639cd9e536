"""What was trained, for how long, on what, and what came of it."""

from collections.abc import Sequence

from ._run import Run
from ._section import Section


def section(runs: Sequence[Run]) -> Section | None:
    """The verdict in one sentence, its figures, and how to make the run again."""
    run = runs[0]
    return Section("Result", "result", f"<p>{run.name}</p>")
