"""`minimax-eqx report`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from ..._composition._user_code import load_user_code
from ..._files import resolved
from ..._folder._patterns import matching
from ..._folder._run_folder import RunFolder
from ..._report._run import Run
from .._read import read_several
from .._words import apply


@dataclass(frozen=True)
class Report:
    """Write one page that shows a run, or compares several: minimax-eqx report RUN...

    Runs that differ in nothing but their seed are one line in each chart, with a band from the
    lowest to the highest. What looks closely at levels and episodes shows the first run.
    """

    out: str | None = None
    """The file to write; by default report.html in the folder of the run, or here for several."""
    file: str | None = None
    """The file of yours that the runs were made from, if they were: FILE.py, or MODULE:NAME."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx report`."""
    paths, given = read_several(words)
    own = draft_of(Report())
    apply([own], given, target="RUN...")
    if not paths:
        raise ValueError("The folders of runs come first: minimax-eqx report RUN... [--out FILE].")
    options: Report = made(own)
    code = load_user_code(options.file) if options.file else None
    folders = [RunFolder.open(path) for word in paths for path in matching(word)]
    runs = [Run(folder, folder.experiment(code)) for folder in folders]
    out = resolved(options.out) if options.out else None
    if out is None and len(runs) > 1:
        out = resolved("report.html")
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"There is no folder {out.parent} for --out; make it first.")
    from .. import _terminal as terminal

    return terminal.report(runs, out)


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Report(),)
