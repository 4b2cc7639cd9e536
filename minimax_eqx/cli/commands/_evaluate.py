"""`minimax-eqx evaluate`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import Given, draft_of, made
from ..._composition._parts import Parts
from ..._composition._user_code import UserCode, load_user_code
from ..._folder._best import NEWEST
from ..._folder._patterns import matching
from ..._folder._run_folder import RunFolder
from ...envs.maze import HeldOutMazes
from ...envs.maze._held_out_names import LISTS, MAZES, MAZES_WITH_MORE
from ...evaluation._evaluate import check_evaluation
from ...runners import Evaluation
from ...runners._experiment import Experiment
from .._read import read_several
from .._suites import with_mazes_by_name
from .._words import apply


@dataclass(frozen=True)
class Evaluate:
    __doc__ = f"""Evaluate runs; writes evaluation.json, evaluation.csv and report.html of each.

    The results take the place of earlier ones of the same checkpoint, also in 'minimax-eqx
    compare'. Options that are not given are as in the run's configuration. After --suite stand the
    name of a suite, or lists of mazes and mazes by name.

    lists of mazes: {", ".join(LISTS)}

    mazes: {", ".join((*MAZES, *MAZES_WITH_MORE))}
    """

    file: str | None = None
    """The file of yours that the runs were made from, if they were: FILE.py, or MODULE:NAME."""
    levels: str | None = None
    """A file of levels to be tested on, in place of a suite: .npz, .json or .txt."""
    checkpoint: tuple[str, ...] = (NEWEST,)
    """Cycles of checkpoints, newest, or best (by success on held-out tests while training); of the
    cycle 100, for example, results are written to evaluation-100.json."""
    tail: bool = False
    """Measure success on the worst of many levels that can be solved, too; writes tail.json."""
    tail_levels: int = 10_000
    """Levels that the worst are chosen from."""
    tail_episodes: int = 10
    """Episodes of each level that find the worst, and again as many that measure them."""

    def __post_init__(self) -> None:
        for name in ("tail_levels", "tail_episodes"):
            if getattr(self, name) < 1:
                flag = f"--{name.replace('_', '-')}"
                raise ValueError(f"{flag} is {getattr(self, name)}; it must be at least 1.")


def main(words: Sequence[str]) -> int:
    """`minimax-eqx evaluate`."""
    runs, given = read_several(words)
    own, names = draft_of(Evaluate()), [field.name for field in dataclasses.fields(Evaluate)]
    if any(g.name == "help" for g in given):
        apply([own, draft_of(Evaluation(HeldOutMazes()))], given, target=" ".join(runs) or "RUN")
    if not runs:
        raise ValueError("The folder of the run comes first: minimax-eqx evaluate RUN [OPTIONS].")
    mine = [g for g in given if g.name.replace("-", "_").removeprefix("no_") in names]
    apply([own], mine)
    options: Evaluate = made(own)
    code = load_user_code(options.file) if options.file else None
    parts = Parts(code and code.module)
    rest = _with_suite([g for g in given if g not in mine], options.levels, parts)
    # What is wrong is said before anything is played.
    folders = [RunFolder.open(path) for run in runs for path in matching(run)]
    experiments = [_experiment(folder, code, rest, parts) for folder in folders]
    sizes = (options.tail_levels, options.tail_episodes) if options.tail else None
    from .. import _terminal as terminal

    return terminal.evaluate(folders, experiments, options.checkpoint, sizes)


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return Evaluate(), Evaluation(HeldOutMazes())


def _experiment(
    folder: RunFolder, code: UserCode | None, given: Sequence[Given], parts: Parts
) -> Experiment:
    """The experiment of a run, which is evaluated as the options say."""
    experiment = folder.experiment(code)
    draft = draft_of(experiment.evaluation)
    apply([draft], given, parts)
    evaluation: Evaluation = made(draft)
    experiment = dataclasses.replace(experiment, evaluation=evaluation)
    check_evaluation(experiment)
    return experiment


def _with_suite(given: list[Given], levels: str | None, parts: Parts) -> list[Given]:
    """The options, in which a file of levels, or names of mazes, are what parts have them as."""
    suites = [g for g in given if g.name == "suite"]
    if levels is not None:
        if suites:
            raise ValueError(
                "--levels and --suite: a run is tested on one suite; give one of them."
            )
        kind, path = ("level-file",), (levels,)
        return [*given, Given("suite", kind, "--levels"), Given("path", path, "--levels")]
    return with_mazes_by_name(given, parts)
