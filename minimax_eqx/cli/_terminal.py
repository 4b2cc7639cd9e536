"""What the commands of the command line do, with a person at the terminal: progress, results, and
what can be done next."""

import contextlib
import functools
import itertools
import logging
import pathlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from rich.console import Console

from .._composition._user_code import UserCode
from .._folder._best import NEWEST
from .._folder._best import chosen as find_checkpoint
from .._folder._results import success_per_minute
from .._folder._run_folder import EVALUATION, REPORT, RunFolder
from .._report._page import write_report
from .._report._run import Run
from .._xla._cache import keep_compiled_programs
from .._xla._processes import is_first
from ..evaluation._evaluate import evaluate as evaluate_runner
from ..evaluation._tail import tail as measure_tail
from ..experiment import Evaluated, Finished, Progressed, TrainingError, WriteReport
from ..experiment import _train as runs
from ..experiment import shares_of as runs_shares
from ..experiment._hooks import Event, Hook
from ..experiment._ledger import as_entry, ledger_of
from ..runners._experiment import Experiment
from ._messages import LOGGER, SAVED, gist
from ._process_options import ProcessOptions
from ._progress import Terminal, evaluation_table, say, tail_table


def train(
    experiment: Experiment,
    path: pathlib.Path,
    processes: ProcessOptions,
    *,
    heading: str,
    code: UserCode | None,
    origin: Mapping[str, Any],
    trackers: Sequence[Hook] = (),
    shares_of: pathlib.Path | None = None,
) -> int:
    """Trains a new run in the folder `path`; `origin` is what the report says of its beginning, and
    `shares_of` the run that it repeats, if it does."""
    shares = None if shares_of is None else runs_shares(shares_of)
    start_jax(processes, experiment.devices)
    work = functools.partial(runs.train, experiment, path, code=code, origin=origin, shares=shares)
    return _tell_of(work, heading, trackers, code)


def resume(
    path: pathlib.Path,
    processes: ProcessOptions,
    *,
    devices: int | None,
    num_updates: int | None,
    code: UserCode | None,
    trackers: Sequence[Hook] = (),
    budget: str | None = None,
) -> int:
    """Continues the run in `path`, with another number of devices or of updates, or another budget,
    if one is given."""
    before = 1
    # What is wrong with the folder, `resume` tells.
    with contextlib.suppress(ValueError, OSError):
        before = RunFolder.open(path).experiment(code).devices
    start_jax(processes, devices or before)
    longer = {"num_updates": num_updates, "budget": budget}
    work = functools.partial(runs.resume, path, devices=devices, code=code, **longer)
    return _tell_of(work, f"Continuing the run in {path}.", trackers, code)


def evaluate(
    folders: Sequence[RunFolder],
    experiments: Sequence[Experiment],
    checkpoints: Sequence[str],
    tail_sizes: tuple[int, int] | None,
) -> int:
    """Evaluates runs as their experiments say, at these checkpoints, and measures their tails with
    `tail_sizes` levels and episodes. Results that cannot be written are shown too."""
    start_jax(ProcessOptions(), 1)
    console, chosen = Console(), list(checkpoints)
    pairs = [*zip(folders, experiments, strict=True)]
    # What is not there is said before anything is played.
    for (folder, experiment), which in itertools.product(pairs, chosen):
        find_checkpoint(folder, experiment, which)
    _tell_of_training(console, folders)
    for (folder, experiment), which in itertools.product(pairs, chosen):
        runner = runs.load(folder.path, experiment, checkpoint=which)[1]
        results = evaluate_runner(experiment, runner)
        is_newest = which == NEWEST
        suffix = "" if is_newest else f"-{results['cycle']}"
        if len(pairs) * len(chosen) > 1:
            say(console, f"{folder.path}, checkpoint of cycle {results['cycle']}:")
        console.print(evaluation_table(results))
        tail = None
        if tail_sizes is not None:
            num_levels, num_episodes = tail_sizes
            tail = measure_tail(
                experiment, runner, num_levels=num_levels, num_episodes=num_episodes
            )
            console.print(tail_table(tail))
        try:
            ledger = as_entry(ledger_of(folder, runner))
            written = folder.write_evaluation({**results, "ledger": ledger}, suffix)
            if tail is not None:
                folder.write_tail(tail, suffix)
            if is_newest:
                # A report without them would show older results.
                write_report(Run(folder, experiment, runner))
        except (OSError, ValueError, ImportError) as error:
            logger = logging.getLogger(LOGGER)
            logger.warning("%s or %s was not written: %s", EVALUATION, REPORT, error)
        else:
            shown = f" and shown in {folder.path / REPORT}" if is_newest else ""
            say(console, f"Written to {written}{shown}.")
    return 0


def report(runs: Sequence[Run], path: pathlib.Path | None) -> int:
    """Writes the page of runs to a file, or into the folder of the only one."""
    start_jax(ProcessOptions(), 1)
    console = Console()
    _tell_of_training(console, [run.folder for run in runs])
    say(console, f"Written to {write_report(runs, path)}.")
    return 0


def _tell_of_training(console: Console, folders: Sequence[RunFolder]) -> None:
    """Says of each run that another process trains that what follows is not its end."""
    for folder in folders:
        if folder.is_training():
            say(console, f"{folder.path} is being trained now; this is how far it was saved.")


def _tell_of(
    work: Callable[..., Finished], heading: str, trackers: Sequence[Hook], code: UserCode | None
) -> int:
    """Trains with a person looking on, and says at the end what there is and what can be done."""
    console, told = Console(), list[Any]()
    with contextlib.closing(Terminal(console, heading)) as terminal:
        try:
            outcome = work(hooks=[terminal, WriteReport(), told.append, *trackers])
        except OSError as error:
            # Not what was asked for is wrong, but the disk, from some moment on.
            if not any(isinstance(event, Progressed) for event in told):
                raise
            where = f" ({error.filename})" if error.filename else ""
            raise TrainingError(
                f"{error.strerror or error}{where}, so training stopped. What was saved before is "
                "still there, and the run can be resumed when the disk works."
            ) from error
    path, ledger = outcome.folder.path, outcome.ledger
    words = ["minimax-eqx", "resume", str(path), *(["--file", code.target] if code else [])]
    command = f"  {shlex.join(words)}"
    text = f"Stopped and saved at cycle {ledger.cycle}. Continue with:\n{command}"
    if not outcome.interrupted:
        report = path / REPORT
        shown = f"{report} shows it." if report.is_file() else f"It is in {path}."
        budget = outcome.experiment.schedule.budget
        within = f" within {budget}" if budget else ""
        text = f"Done: {ledger.updates:,} updates{within}. {_speed(told)}{shown}"
        if not any(isinstance(event, Progressed) for event in told):
            more = "--budget TIME" if budget else f"--num-updates {2 * ledger.updates}"
            text += f" To make it longer:\n{command} {more}"
    if is_first():
        say(console, text)
    return SAVED if outcome.interrupted else 0


def _speed(told: Sequence[Event]) -> str:
    """What the last evaluation says of success by the minute, in a run with a budget."""
    evaluations = [event.evaluation for event in told if isinstance(event, Evaluated)]
    speed = success_per_minute(evaluations[-1]) if evaluations else None
    return "" if speed is None else f"Success per minute: {speed:.1%}. "


def start_jax(processes: ProcessOptions, num_devices: int) -> None:
    """Meets the other processes, and has JAX start on the platform that `JAX_PLATFORMS` names, or
    the best there is, with its compiled programs kept. Raises `ValueError` if it cannot."""
    keep_compiled_programs()
    processes.join(num_devices)
    try:
        jax.devices()
    # JAX has no kind of error for this; of a platform without its plugin it says nothing at all.
    except (RuntimeError, AssertionError) as error:
        asked = jax.config.values["jax_platforms"]
        raise ValueError(
            f"JAX could not start with JAX_PLATFORMS {asked!r} ({gist(error)}). Unset "
            "JAX_PLATFORMS, or install what JAX needs for it "
            "(https://docs.jax.dev/en/latest/installation.html)."
        ) from error
