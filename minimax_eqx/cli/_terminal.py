"""What the commands of the command line do, with a person at the terminal: progress, one message
for an error, exit codes."""

import dataclasses
import logging
import pathlib
import shlex
from collections.abc import Callable

from jax.errors import JaxRuntimeError
from jaxtyping import TypeCheckError
from rich.console import Console

from .._xla._cache import keep_compiled_programs
from ..experiment._config import Config
from ..experiment._evaluation import evaluate_run
from ..experiment._folder import EVALUATION, RunFolder
from ..experiment._messages import LOGGER
from ..experiment._options import EvaluationConfig
from ..experiment._platforms import start_jax
from ..experiment._process_options import ProcessOptions
from ..experiment._processes import FirstProcessError, from_first, is_first
from ..experiment._report import CURVES, REPORT, write_curves, write_report
from ..experiment._train import Outcome, TrainingError, load_runner, start
from ..experiment._train import resume as resume_run
from ._main import INTERRUPTED, USAGE_ERROR, fail
from ._progress import TerminalListener, evaluation_table

FAILED = 1
_LESS_TO_EVALUATE = "Lower num_unseen_levels or num_episodes, or the size of the mazes."
_LESS_TO_RESUME = (
    "The run keeps its options: continue it on more devices (--devices), or train a new run with "
    "less to do in a cycle."
)


def train(config: Config, path: pathlib.Path, processes: ProcessOptions, heading: str) -> int:
    """Trains a new run in the folder `path`."""

    def begin(listener: TerminalListener) -> Outcome:
        processes.join(config.devices)
        start_jax()
        return start(config, path, listener)

    return _train_and_report(heading, begin, _less_to_train(config))


def resume(
    path: pathlib.Path,
    processes: ProcessOptions,
    *,
    devices: int | None = None,
    num_updates: int | None = None,
) -> int:
    """Continues the run in `path`, with another number of devices or of updates if one is given."""

    def go_on(listener: TerminalListener) -> Outcome | None:
        processes.join(devices or _devices_before(path))
        start_jax()
        finished = from_first(lambda: _updates_if_finished(path, num_updates))
        if finished is not None:
            _tell_finished(path, finished)
            return None
        return resume_run(path, listener, devices=devices, num_updates=num_updates)

    return _train_and_report(f"Continuing the run in {path}.", go_on, _LESS_TO_RESUME)


def evaluate(path: pathlib.Path, options: Callable[[EvaluationConfig], EvaluationConfig]) -> int:
    """Evaluates the run in `path`; `options` makes of its own options for it those to be used.

    The results are shown even if they cannot be written.
    """

    def work() -> int:
        console = Console()
        folder = RunFolder.open(path)
        config = folder.config()
        config = dataclasses.replace(config, evaluation=options(config.evaluation))
        # Before the run is loaded: that takes a while.
        config.check()
        keep_compiled_programs()
        start_jax()
        _, runner = load_runner(path)
        results = evaluate_run(config, runner)
        console.print(evaluation_table(results))
        written = _write_or_warn(EVALUATION, lambda: folder.write_evaluation(results))
        # A report without them would show older results.
        if written and _write_or_warn(REPORT, lambda: write_report(folder, runner)):
            _say(console, f"Written to {written} and shown in {folder.path / REPORT}.")
        return 0

    return _report_errors(work, _LESS_TO_EVALUATE)


def _train_and_report(
    heading: str, work: Callable[[TerminalListener], Outcome | None], advice: str
) -> int:
    console = Console()

    def train_and_report() -> int:
        keep_compiled_programs()
        with TerminalListener(console, heading) as listener:
            outcome = work(listener)
        if outcome is None:
            return 0
        if not is_first():
            return INTERRUPTED if outcome.interrupted else 0
        folder = outcome.folder
        if outcome.interrupted:
            _write_or_warn(CURVES, lambda: write_curves(folder))
            _say(
                console,
                f"Stopped and saved at cycle {outcome.ledger.cycle}. Continue with:\n"
                f"  minimax-eqx train --resume {shlex.quote(str(folder.path))}",
            )
            return INTERRUPTED
        if _write_or_warn(REPORT, lambda: write_report(folder, outcome.runner)):
            _say(console, f"Done. {folder.path / REPORT} shows the run.")
        else:
            _say(console, f"Done. The run is in {folder.path}.")
        return 0

    return _report_errors(train_and_report, advice)


def _less_to_train(config: Config) -> str:
    """Which options of a run take memory."""
    takers = {
        "num_levels": True,
        "num_steps": True,
        "num_trials": config.curriculum.num_trials > 1,
        "num_students": config.curriculum.num_students > 1,
        "hidden_size": config.network.core != "none",
        "buffer_capacity": config.curriculum.method == "level-replay",
        "num_kept": config.curriculum.method == "sfl",
        "teacher_hidden_size": config.levels.generator == "teacher",
        "height and width": True,
    }
    lower = ", ".join(name for name, takes in takers.items() if takes)
    return f"Lower one of {lower}, or raise num_accumulation_steps."


def _devices_before(path: pathlib.Path) -> int:
    """As its configuration says; 1 if that cannot be read, of which `resume` will tell."""
    try:
        return RunFolder.open(path).config().devices
    except (ValueError, OSError):
        return 1


def _updates_if_finished(path: pathlib.Path, num_updates: int | None) -> int | None:
    """How many updates a run has made that has nothing left to do. None if it has something, and if
    its files are not whole, of which `resume` will tell."""
    try:
        folder = RunFolder.open(path)
        config, row = folder.config(), folder.metrics().read()[-1]
        cycle, updates = int(row["cycle"]), int(row["updates"])
        is_saved = max(folder.checkpoints(config).cycles(), default=0) == cycle
        is_reported = folder.evaluation()["cycle"] == cycle and (path / REPORT).is_file()
    except (ValueError, OSError, LookupError):
        return None
    # Fewer updates than were made are for `resume` to refuse.
    is_long_enough = config.num_updates <= updates and num_updates in (None, updates)
    return updates if is_saved and is_reported and is_long_enough else None


def _tell_finished(path: pathlib.Path, updates: int) -> None:
    if not is_first():
        return
    _say(
        Console(),
        f"The run in {path} is finished: it has made its {updates:,} updates and was evaluated. "
        f"{path / REPORT} shows it. To make it longer:\n"
        f"  minimax-eqx train --resume {shlex.quote(str(path))} --num-updates {2 * updates}",
    )


def _write_or_warn(name: str, write: Callable[[], pathlib.Path | None]) -> pathlib.Path | None:
    """What `write` wrote; if it cannot, a warning, since everything else is done."""
    try:
        return write()
    except (OSError, ValueError, ImportError) as error:
        logging.getLogger(LOGGER).warning("%s was not written: %s", name, error)
        return None


def _say(console: Console, text: str) -> None:
    """Prints text with paths in it as it is: whole lines, no colours, brackets kept."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)


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
        if isinstance(error, JaxRuntimeError) and not _is_about_memory(reason):
            return fail(reason, FAILED)
        return fail(f"there is not enough memory for this ({reason}). {advice}", FAILED)


def _is_about_memory(reason: str) -> bool:
    return "RESOURCE_EXHAUSTED" in reason or "out of memory" in reason.lower()


def _gist(error: BaseException) -> str:
    """The first line of an error, or of what caused it."""
    cause = error.__cause__ if isinstance(error, TypeCheckError) and error.__cause__ else error
    return next((line for line in str(cause).splitlines() if line.strip()), type(error).__name__)
