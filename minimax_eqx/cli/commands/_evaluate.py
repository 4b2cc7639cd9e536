"""`minimax-eqx evaluate`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from ..._composition._parts import Parts
from ..._composition._user_code import load_user_code
from ..._folder._run_folder import RunFolder
from ...envs.maze import HeldOutMazes
from ...envs.maze._held_out_names import LISTS, MAZES, MAZES_WITH_MORE
from ...runners import Evaluation
from .._read import read_run
from .._words import apply


@dataclass(frozen=True)
class Evaluate:
    __doc__ = f"""Evaluate the newest checkpoint of a run; writes evaluation.json and report.html.

    Options that are not given are as in the run's configuration.

    lists of mazes: {", ".join(LISTS)}

    mazes: {", ".join((*MAZES, *MAZES_WITH_MORE))}
    """

    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx evaluate`."""
    run, given = read_run(words, "evaluate")
    own = draft_of(Evaluate())
    if any(g.name == "help" for g in given):
        apply([own, draft_of(Evaluation(HeldOutMazes()))], given, target=run)
    apply([own], [g for g in given if g.name == "file"])
    options: Evaluate = made(own)
    code = load_user_code(options.file) if options.file else None
    folder = RunFolder.open(run)
    experiment = folder.experiment(code)
    draft, of_part = draft_of(experiment.evaluation), [g for g in given if g.name != "file"]
    apply([draft], of_part, Parts(code and code.module))
    from .. import _terminal as terminal

    return terminal.evaluate(folder, dataclasses.replace(experiment, evaluation=made(draft)))


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return Evaluate(), Evaluation(HeldOutMazes())
