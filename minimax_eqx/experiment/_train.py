"""Runs that begin, go on, and are loaded."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from .._composition._user_code import UserCode
from .._folder._best import chosen
from .._folder._run_folder import RunFolder
from .._xla._processes import arrays_of_first, from_first
from ..evaluation._evaluate import check_evaluation
from ..runners import level_mesh
from ..runners._ahead import CompileAhead, making
from ..runners._experiment import Experiment
from ..runners._precision import matmul_precision
from ..runners._runner import Runner, run
from ..runners._share import within_budget
from ._hooks import Finished, Hook
from ._ledger import Ledger
from ._loop import train_until
from ._pace import Clock, Timing
from ._taking_up import taken_up, telling


def train(
    experiment: Experiment,
    path: pathlib.Path | str,
    *,
    hooks: Sequence[Hook] | None = None,
    code: UserCode | None = None,
    origin: Mapping[str, Any] | None = None,
    shares: Sequence[float] | None = None,
    clock: Clock = time.perf_counter,
) -> Finished:
    """Trains a new run in the folder `path`, which must not exist or be empty.

    Hooks are told of the run as it goes, in the first of several processes; by default there is
    one, `WriteReport`. `code` is the user's file as the command line has it; in Python you leave it
    out. `origin` is what you want its report to know besides of how it began: the `recipe` by name,
    its `changes` and the `command`.

    With a budget in the experiment's schedule, the time of it counts from this call on, by `clock`,
    a function that gives seconds. `shares` are those that another run recorded, see `shares_of`:
    the run then ends after as many log intervals, and no clock counts.

    Raises `ValueError` for an experiment that cannot be run, before anything is written;
    `FolderError` if the folder is taken; `TrainingError` if the loss stops being a number or a
    checkpoint cannot be written; `OSError`, naming the file, if something else cannot be. Whatever
    fails before the first row of metrics.csv leaves the path as free as it was.
    """
    timing = Timing(clock, shares)
    experiment = within_budget(experiment)
    folder = RunFolder(path)
    from_first(folder.check_free)
    mesh = _mesh(experiment)
    check_evaluation(experiment)
    with matmul_precision(experiment):
        # Traces a cycle, so that what can be wrong is known before the folder is there.
        ahead = CompileAhead(making(experiment), experiment.schedule.log_every, mesh)
        with _in_first(folder.begun(experiment, code, origin)):
            runner = arrays_of_first(ahead.runner()).on(mesh)
            told = telling(experiment, folder, runner, None, hooks, timing=timing)
            return train_until(told, runner, ahead.compile)


def resume(
    path: pathlib.Path | str,
    *,
    experiment: Experiment | None = None,
    num_updates: int | None = None,
    budget: str | None = None,
    devices: int | None = None,
    hooks: Sequence[Hook] | None = None,
    code: UserCode | None = None,
    shares: Sequence[float] | None = None,
    clock: Clock = time.perf_counter,
) -> Finished:
    """Continues the run in `path` from its newest checkpoint, exactly as if it had not stopped.

    A run that was killed before its first checkpoint was due starts again from its beginning. One
    that is finished is only evaluated, if it was not. `experiment` is what the run is of, if that
    has parts of your own; otherwise config.json says it, where whatever the state does not depend
    on may be changed. `num_updates` and `budget`, with what was before included, are kept there,
    and `devices` is not. Of a budget the run has what its earlier parts left; `shares`, those of
    the whole run, `clock` and `code` are as for `train`.

    Raises `ValueError` for fewer updates than were made, and for a budget of a run that began
    without one; `FolderError` or `CheckpointError` if there is nothing to continue from or another
    process is training there; `TrainingError` and `OSError` as `train` does.
    """
    timing = Timing(clock, shares)
    folder = RunFolder(path)
    content = from_first(lambda: RunFolder.open(path).config())
    kept = within_budget(experiment or folder.experiment(code, content))
    if budget is not None and kept.schedule.budget is None:
        raise ValueError(
            f"budget is {budget!r}, and the run in {folder.path} began without one, so what "
            "anneals does not follow the time: give num_updates, or train a new run."
        )
    longer = {"num_updates": num_updates, "budget": budget}
    longer = {name: value for name, value in longer.items() if value is not None}
    if longer:
        kept = dataclasses.replace(kept, schedule=dataclasses.replace(kept.schedule, **longer))
    experiment = dataclasses.replace(kept, devices=devices or kept.devices)
    mesh = _mesh(experiment)
    with matmul_precision(experiment), _in_first(folder.locked()):
        runner, begins = taken_up(folder, experiment)
        runner = arrays_of_first(runner).on(mesh)
        ledger = Ledger().of(runner)
        if num_updates is not None and num_updates < ledger.updates:
            raise ValueError(
                f"num_updates is {num_updates}, and the run in {folder.path} has made "
                f"{ledger.updates} already: it must be at least that."
            )
        compiled = None
        if experiment.schedule.num_updates > ledger.updates:
            # Traced now, so that what can be wrong is known before anything is changed.
            compiled = run.lower(runner, experiment.schedule.log_every).compile
        if longer:
            from_first(lambda: folder.change(kept))
        if begins:
            from_first(folder.forget_results)
        saved = None if begins else ledger.cycle
        told = telling(experiment, folder, runner, saved, hooks, timing=timing)
        return train_until(told, runner, compiled)


def load(
    path: pathlib.Path | str,
    experiment: Experiment | None = None,
    *,
    checkpoint: int | str = "newest",
    code: UserCode | None = None,
) -> tuple[Experiment, Runner]:
    """The experiment of the run in `path`, and its state at a checkpoint, on one device. Another
    process may train there meanwhile.

    `checkpoint` is the cycle of one that is there, `"newest"` for the newest that verifies, or
    `"best"` for the one with the highest mean success rate on held-out tests, of those that were
    evaluated while training (of returns where no success is measured). `experiment` and `code` are
    as for `resume`.

    Raises `FolderError` or `CheckpointError` if there is none.
    """
    folder = RunFolder.open(path)
    experiment = within_budget(experiment or folder.experiment(code))
    saved = chosen(folder, experiment, checkpoint)
    return experiment, saved.restore(making(experiment).spec)


def _mesh(experiment: Experiment) -> Mesh | None:
    alone = experiment.devices == 1 and jax.process_count() == 1
    return None if alone else level_mesh(experiment.devices)


@contextlib.contextmanager
def _in_first(work: contextlib.AbstractContextManager[None]) -> Iterator[None]:
    """Enters the context in the first process, and lets the others know if it cannot."""
    with contextlib.ExitStack() as stack:
        from_first(lambda: stack.enter_context(work))
        yield
