"""`minimax-eqx export`."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from ..._composition._parts import classes_in, is_own
from ..._composition._user_code import load_user_code
from ..._folder._best import NEWEST
from .._read import read_run
from .._words import apply


@dataclass(frozen=True)
class Export:
    """Write the trained student of a run, on its own, into a folder that you can give away.

    `mx.load_policy` loads it without the run.
    """

    out: str | None = None
    """The new folder; by default `policy` in the run's."""
    student: int = 0
    """Which student of a population, counted from 0."""
    checkpoint: str = NEWEST
    """The checkpoint that the student is from: a cycle, newest, or best (by success while
    training)."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx export`."""
    run, given = read_run(words, "export")
    own = draft_of(Export())
    apply([own], given, target=run)
    options: Export = made(own)
    code = load_user_code(options.file) if options.file else None
    from ...experiment._policy import save_policy
    from ...experiment._train import load

    experiment, runner = load(run, checkpoint=options.checkpoint, code=code)
    folder = pathlib.Path(options.out or pathlib.Path(run) / "policy")
    written = save_policy(runner, folder, student=options.student)
    # Of an own score, say, there is nothing in a policy.
    has_own = any(map(is_own, (*classes_in(experiment.env), *classes_in(experiment.student))))
    given, which = "", ""
    if has_own:
        given = ", experiment=..."
        which = f", if you give it an experiment of {options.file}, which has the parts of yours"
    print(
        f"Written to {written}. In Python, mx.load_policy({str(folder)!r}{given}) loads it{which}."
    )
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Export(),)
