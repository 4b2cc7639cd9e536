"""`minimax-eqx resume`."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from ..._composition._user_code import load_user_code
from .._process_options import ProcessOptions
from .._read import read_run
from .._trackers import TrackerOptions, trackers_named
from .._words import apply


@dataclass(frozen=True)
class Resume(TrackerOptions, ProcessOptions):
    """Continue a run from its newest checkpoint, exactly as if it had not stopped.

    The run keeps its options, but for those below.
    """

    num_updates: int | None = None
    """Updates of the students to train for, those before included; as before if not given."""
    budget: str | None = None
    """Time that the run may take, such as 45m, with what is spent included; as before if not given.
    """
    devices: int | None = None
    """Devices that share the levels of a cycle; as before if not given."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx resume`."""
    run, given = read_run(words, "resume")
    own = draft_of(Resume())
    unknown = [g.place for g in given if g.name.replace("-", "_") not in (*own.values, "help")]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: a run keeps the options that it began with; --num-updates, "
            "--budget and --devices can be given. For other values, train a new run."
        )
    apply([own], given, target=run)
    options: Resume = made(own)
    options.check()
    trackers = trackers_named(options.tracker)
    code = load_user_code(options.file) if options.file else None
    from .. import _terminal as terminal

    return terminal.resume(
        pathlib.Path(run),
        options,
        devices=options.devices,
        num_updates=options.num_updates,
        code=code,
        budget=options.budget,
        trackers=trackers,
    )


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Resume(),)
