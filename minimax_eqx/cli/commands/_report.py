"""`minimax-eqx report`."""

import glob
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from ..._composition._user_code import load_user_code
from ..._files import resolved
from ..._folder._run_folder import CONFIG, RunFolder
from ..._report._run import Run
from .._words import apply, given_in_words


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
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    given = given_in_words("--help" if word == "-h" else word for word in words[count:])
    own = draft_of(Report())
    apply([own], given, target="RUN...")
    if count == 0:
        raise ValueError("The folders of runs come first: minimax-eqx report RUN... [--out FILE].")
    options: Report = made(own)
    code = load_user_code(options.file) if options.file else None
    folders = [RunFolder.open(path) for word in words[:count] for path in _found(word)]
    runs = [Run(folder, folder.experiment(code)) for folder in folders]
    out = resolved(options.out) if options.out else None
    if out is None and len(runs) > 1:
        out = resolved("report.html")
    from .. import _terminal as terminal

    return terminal.report(runs, out)


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Report(),)


def _found(word: str) -> list[str]:
    """The paths that a pattern means, which a shell has not put in its place; or the word."""
    if pathlib.Path(word).exists() or not glob.has_magic(word):
        return [word]
    runs = [path for path in sorted(glob.glob(word)) if (pathlib.Path(path) / CONFIG).is_file()]
    return runs or [word]
