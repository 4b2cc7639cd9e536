"""What the commands of the command line do, with a person at the terminal: progress, one message
for an error, exit codes."""

import contextlib
import dataclasses
import logging
import pathlib
import shlex
from collections.abc import Callable
from typing import Any

import jax
from jax.errors import JaxRuntimeError
from jaxtyping import TypeCheckError
from rich.console import Console

from .._composition._user_code import UserCode
from .._folder._run_folder import EVALUATION, REPORT, RunFolder
from .._xla._cache import keep_compiled_programs
from .._xla._processes import FirstProcessError, is_first
from ..experiment import Progressed, TrainingError, WriteReport
from ..experiment import _train as runs
from ..experiment._evaluation import evaluate as evaluate_runner
from ..experiment._loop import Outcome
from ..experiment._report import write_report
from ..runners import Evaluation
from ..runners._experiment import Experiment
from ._messages import INTERRUPTED, LOGGER, USAGE_ERROR, fail
from ._process_options import ProcessOptions
from ._progress import Terminal, evaluation_table, say

FAILED = 1
_LESS_TO_TRAIN = (
    "Lower num_levels, num_steps, num_students, the sizes of the networks, of the level buffer or "
    "of the levels, or raise num_accumulation_steps."
)
_LESS_TO_RESUME = (
    "The run keeps its options: continue it on more devices (--devices), or train a new run with "
    "less to do in a cycle."
)
_LESS_TO_EVALUATE = "Lower num_unseen_levels or num_episodes, or the size of the levels."


def train(
    experiment: Experiment,
    path: pathlib.Path,
    processes: ProcessOptions,
    heading: str,
    code: UserCode | None,
) -> int:
    """Trains a new run in the folder `path`."""

    def begin(hooks: list[Any]) -> Outcome:
        _start_jax(processes, experiment.devices)
        return runs.train(experiment, path, hooks=hooks, code=code)

    return _train_and_tell(heading, begin, _LESS_TO_TRAIN)


def resume(
    path: pathlib.Path,
    processes: ProcessOptions,
    *,
    devices: int | None = None,
    num_updates: int | None = None,
    code: UserCode | None = None,
) -> int:
    """Continues the run in `path`, with another number of devices or of updates if one is given."""

    def go_on(hooks: list[Any]) -> Outcome:
        before = 1
        # What is wrong with the folder, `resume` tells.
        with contextlib.suppress(ValueError, OSError):
            before = RunFolder.open(path).experiment(code).devices
        _start_jax(processes, devices or before)
        return runs.resume(path, devices=devices, num_updates=num_updates, hooks=hooks, code=code)

    return _train_and_tell(f"Continuing the run in {path}.", go_on, _LESS_TO_RESUME)


def evaluate(
    path: pathlib.Path, options: Callable[[Evaluation], Evaluation], code: UserCode | None
) -> int:
    """Evaluates the run in `path`; `options` makes of its own options for it those to be used.

    The results are shown even if they cannot be written.
    """

    def work() -> int:
        console, folder = Console(), RunFolder.open(path)
        experiment = folder.experiment(code)
        # Before the run is loaded: that takes a while.
        evaluation = options(experiment.evaluation)
        keep_compiled_programs()
        _start_jax(ProcessOptions(), 1)
        runner = runs.load(path, experiment)[1]
        experiment = dataclasses.replace(experiment, evaluation=evaluation)
        results = evaluate_runner(experiment, runner)
        console.print(evaluation_table(results))
        try:
            written = folder.write_evaluation(results)
            # A report without them would show older results.
            write_report(folder, experiment, runner)
        except (OSError, ValueError, ImportError) as error:
            logger = logging.getLogger(LOGGER)
            logger.warning("%s or %s was not written: %s", EVALUATION, REPORT, error)
        else:
            say(console, f"Written to {written} and shown in {folder.path / REPORT}.")
        return 0

    return _report_errors(work, _LESS_TO_EVALUATE)


def _train_and_tell(heading: str, work: Callable[[list[Any]], Outcome], advice: str) -> int:
    def train_and_tell() -> int:
        keep_compiled_programs()
        console, told = Console(), list[Any]()
        with contextlib.closing(Terminal(console, heading)) as terminal:
            outcome = work([terminal, WriteReport(), told.append])
        path, ledger = outcome.folder.path, outcome.ledger
        command = f"  minimax-eqx resume {shlex.quote(str(path))}"
        text = f"Stopped and saved at cycle {ledger.cycle}. Continue with:\n{command}"
        if not outcome.interrupted:
            report = path / REPORT
            shown = f"{report} shows it." if report.is_file() else f"It is in {path}."
            text = f"Done: {ledger.updates:,} updates. {shown}"
            if not any(isinstance(event, Progressed) for event in told):
                text += f" To make it longer:\n{command} --num-updates {2 * ledger.updates}"
        if is_first():
            say(console, text)
        return INTERRUPTED if outcome.interrupted else 0

    return _report_errors(train_and_tell, advice)


def _start_jax(processes: ProcessOptions, num_devices: int) -> None:
    """Meets the other processes, and has JAX start on the platform that `JAX_PLATFORMS` names, or
    the best there is. Raises `ValueError` if it cannot."""
    processes.join(num_devices)
    try:
        jax.devices()
    # JAX has no kind of error for this; of a platform without its plugin it says nothing at all.
    except (RuntimeError, AssertionError) as error:
        asked = jax.config.values["jax_platforms"]
        raise ValueError(
            f"JAX could not start with JAX_PLATFORMS {asked!r} ({_gist(error)}). Unset "
            "JAX_PLATFORMS, or install what JAX needs for it "
            "(https://docs.jax.dev/en/latest/installation.html)."
        ) from error


def _report_errors(work: Callable[[], int], advice: str) -> int:
    """Runs `work`; an error that a user can cause becomes one message and an exit code. `advice` is
    what to do where memory is short. What is left for the caller are `ValueError` and `OSError`,
    and bugs."""
    try:
        return work()
    except FirstProcessError:
        return USAGE_ERROR
    except TypeCheckError as error:
        # Parts that do not fit together; the checker's full report is for developers.
        return fail(f"these options do not work together: {_gist(error)}", USAGE_ERROR)
    except TrainingError as error:
        return fail(str(error), FAILED)
    except (MemoryError, OverflowError, JaxRuntimeError) as error:
        reason = _gist(error)
        about_memory = "RESOURCE_EXHAUSTED" in reason or "out of memory" in reason.lower()
        if isinstance(error, JaxRuntimeError) and not about_memory:
            return fail(reason, FAILED)
        return fail(f"there is not enough memory for this ({reason}). {advice}", FAILED)


def _gist(error: BaseException) -> str:
    """The first line of an error, or of what caused it."""
    cause = error.__cause__ if isinstance(error, TypeCheckError) and error.__cause__ else error
    return next((line for line in str(cause).splitlines() if line.strip()), type(error).__name__)
