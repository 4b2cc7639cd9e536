"""Where a run goes on, and who is told of it."""

import contextlib
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

from .._files import FolderError
from .._folder._run_folder import CONFIG, METRICS, RunFolder
from .._xla._processes import from_first, is_first
from ..runners._ahead import making, zeros
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ..runners._saving import CheckpointError, Saved
from ._hooks import Hook, Remote
from ._idleness import NoticeIdleness
from ._json_lines import WriteEvents
from ._ledger import SECONDS, Ledger, seconds_in, seconds_or_0
from ._loop import Telling
from ._own_hooks import Evaluate, Watch, WriteReport, WriteTables
from ._pace import SPENT, Costs, Timing, already_spent, pace_of
from ._record_curriculum import RecordCurriculum
from ._saving import SaveCheckpoints


def telling(
    experiment: Experiment,
    folder: RunFolder,
    runner: Runner,
    saved: int | None,
    hooks: Sequence[Hook] | None,
    *,
    is_tolerant: bool = False,
    timing: Timing | None = None,
) -> Telling:
    """The hooks that every run has and, in the first process, those given, with what the run has
    spent. Rows that are later than its checkpoint are removed.

    `saved` is the cycle of the checkpoint that the runner is from, None if it begins. A tolerant
    run goes on with numbers that are none, as somebody else will replace them.
    """
    timing = timing or Timing()
    *seconds, last, spent, costs = from_first(lambda: _drop_what_is_repeated(folder, saved or 0))
    pace = pace_of(experiment.schedule, timing, spent)
    if is_first() and saved is not None:
        _warn_of_rows(folder, Ledger().of(runner))
    save = SaveCheckpoints(
        folder.checkpoints(experiment), experiment.schedule, saved, is_tolerant=is_tolerant
    )
    watch = Watch(save)
    assess = Evaluate(experiment, last, save, timing.clock)
    notice = NoticeIdleness(save)
    everybody: tuple[Hook, ...] = (watch, notice, save, assess)
    if is_first():
        hooks = [WriteReport()] if hooks is None else hooks
        # A row, and the record of the curriculum, are written before their state is saved.
        recorders = (WriteTables(folder), RecordCurriculum(folder, save))
        diary = Remote(WriteEvents(folder))
        everybody = (watch, *recorders, notice, save, assess, *hooks, diary)
    ledger = dataclasses.replace(Ledger().of(runner), **dict(zip(SECONDS, seconds, strict=True)))
    timed = {"pace": pace, "costs": Costs(**costs), "clock": timing.clock}
    return Telling(experiment, folder, ledger, everybody, save, **timed)


def taken_up(folder: RunFolder, experiment: Experiment) -> tuple[Runner, bool]:
    """The runner to go on with, whose arrays count in the first process alone, and whether that is
    one that begins."""
    found: list[Saved | None] = []
    begins: bool = from_first(
        lambda: found.append(_to_go_on_from(folder, experiment)) or found[0] is None
    )
    make = making(experiment)
    if begins:
        return make(), True
    saved = found[0] if found else None
    return saved.restore(make.spec) if saved else zeros(make.spec), False


def _drop_what_is_repeated(folder: RunFolder, cycle: int) -> list[Any]:
    """Removes the rows of later cycles, and files that were begun. Returns the seconds spent until
    then, also on what is done again, the cycle of the evaluation that is left, and what the rows
    tell of a budget: what is spent, and what things cost."""
    folder.forget_partial()
    metrics, evaluations = folder.metrics(), folder.evaluations()
    rows = metrics.read()
    spent = seconds_in((rows or [{}])[-1])
    num_evaluations = len(evaluations.read())
    for table in (metrics, evaluations):
        table.drop_after(cycle)
    last, in_budget = 0, 0.0
    with contextlib.suppress(FolderError):
        evaluation = folder.evaluation()
        in_budget = seconds_or_0(evaluation.get(SPENT))
        later = seconds_in(evaluation.get("ledger", {}))
        spent = {name: max(value, later[name]) for name, value in spent.items()}
        last = evaluations.last_cycle
    in_rows, costs = already_spent(rows, spent, num_evaluations)
    budget = [max(in_rows, in_budget), dataclasses.asdict(costs)]
    return [*(spent[name] for name in SECONDS), last, *budget]


def _warn_of_rows(folder: RunFolder, ledger: Ledger) -> None:
    """Warns if metrics.csv does not lead up to the checkpoint that the run goes on from."""
    metrics, logger = folder.metrics(), logging.getLogger("minimax_eqx")
    if metrics.last_cycle < ledger.cycle:
        logger.warning(
            "%s ends at cycle %d, and the run goes on from cycle %d: the rows between are lost.",
            *(folder.path / METRICS, metrics.last_cycle, ledger.cycle),
        )
        return
    # None at all if the run was stopped while its program was compiled.
    row = (metrics.read() or [{"updates": 0, "env_steps": 0}])[-1]
    if any(row.get(name) != getattr(ledger, name) for name in ("updates", "env_steps")):
        logger.warning(
            "%s is not of this run, or was changed: at cycle %d it says other updates or env_steps "
            "than were made.",
            *(folder.path / METRICS, ledger.cycle),
        )


def _to_go_on_from(folder: RunFolder, experiment: Experiment) -> Saved | None:
    """The newest checkpoint that verifies; None to start from the beginning."""
    checkpoints, metrics = folder.checkpoints(experiment), folder.metrics()
    every = experiment.schedule.checkpoint_every
    if checkpoints.cycles():
        return checkpoints.newest()
    if metrics.last_cycle > every:
        raise CheckpointError(
            f"There is no usable checkpoint in {checkpoints.path}, though {metrics.last_cycle} "
            f"cycles were made and checkpoint_every is {every}. If the run was killed before its "
            f"first one, set checkpoint_every to {metrics.last_cycle} or more in {CONFIG}, and it "
            "starts again; if they were removed, start a new run."
        )
    logging.getLogger("minimax_eqx").warning(
        "The run in %s was stopped before its first checkpoint; it starts again, without the %d "
        "rows that it had written to metrics.csv.",
        folder.path,
        len(metrics.read()),
    )
    return None
