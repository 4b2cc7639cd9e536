"""The commands of the command line: options in, exit code out."""

import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import tyro
from jax.errors import JaxRuntimeError
from jaxtyping import TypeCheckError
from rich.console import Console
from rich.table import Table

from ..cli import INTERRUPTED, USAGE_ERROR
from .compile_cache import keep_compiled_programs
from .config import Config
from .evaluation import evaluate_run
from .folder import RunFolder
from .options import ConfigError, EvaluationConfig
from .presets import PRESETS, preset
from .processes import FirstProcessError, ProcessOptions, is_first
from .progress import TerminalListener, evaluation_table
from .report import REPORT, write_curves, write_report
from .train import Outcome, TrainingError, load_runner, resume, start

FAILED = 1
DEFAULT_PRESET = "quickstart"
RUNS = pathlib.Path("runs")
_HELP = {"-h", "--help"}
_EVALUATE = "minimax-eqx evaluate"


@dataclass(frozen=True)
class _TrainOptions:
    """Train a new run from a preset; every option overrides the preset's value."""

    config: tyro.conf.OmitArgPrefixes[Config]
    run: pathlib.Path | None = None
    """Folder of the run; must not exist, or be empty. Default: runs/PRESET-SEED."""
    processes: tyro.conf.OmitArgPrefixes[ProcessOptions] = field(default_factory=ProcessOptions)


@dataclass(frozen=True)
class _ResumeOptions:
    """Continue a run from its newest checkpoint, exactly as if it had not stopped."""

    resume: pathlib.Path
    """Folder of the run."""
    num_updates: int | None = None
    """PPO updates of the student to train for, those before included; as before if not given."""
    devices: int | None = None
    """Devices that share the levels of a cycle; as before if not given."""
    processes: tyro.conf.OmitArgPrefixes[ProcessOptions] = field(default_factory=ProcessOptions)


@dataclass(frozen=True)
class _EvaluateOptions:
    """Evaluate the newest checkpoint of a run; writes evaluation.json and report.html there.

    Options that are not given are as in the run's configuration.
    """

    evaluation: tyro.conf.OmitArgPrefixes[EvaluationConfig]


def train(arguments: list[str]) -> int:
    """`minimax-eqx train`."""
    console = Console()
    keep_compiled_programs()
    if "--resume" in arguments or any(a.startswith("--resume=") for a in arguments):
        if _HELP.intersection(arguments):
            arguments = ["--help"]
        options = tyro.cli(_ResumeOptions, args=arguments, prog="minimax-eqx train")

        def go_on(listener: TerminalListener) -> Outcome:
            options.processes.join(options.devices or _devices_before(options.resume))
            return resume(
                options.resume,
                listener,
                devices=options.devices,
                num_updates=options.num_updates,
            )

        return _run(console, go_on)
    name = DEFAULT_PRESET
    if arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments

    def begin(listener: TerminalListener) -> Outcome:
        options = tyro.cli(
            _TrainOptions,
            default=_TrainOptions(preset(name)),
            args=arguments,
            prog=f"minimax-eqx train {name}",
        )
        path = options.run or RUNS / f"{name}-{options.config.seed}"
        options.processes.join(options.config.devices)
        return start(options.config, path, listener)

    return _run(console, begin)


def evaluate(arguments: list[str]) -> int:
    """`minimax-eqx evaluate`."""
    console = Console()
    keep_compiled_programs()
    run = arguments[0] if arguments and not arguments[0].startswith("-") else None

    def work() -> int:
        if run is None and not _HELP.intersection(arguments):
            raise ConfigError(f"The folder of the run comes first: {_EVALUATE} RUN [OPTIONS].")
        config = RunFolder.open(pathlib.Path(run)).config() if run else Config()
        options = tyro.cli(
            _EvaluateOptions,
            default=_EvaluateOptions(config.evaluation),
            args=arguments[1:] if run else arguments,
            prog=f"{_EVALUATE} {run or 'RUN'}",
        )
        # Before the run is loaded: that takes a while.
        dataclasses.replace(config, evaluation=options.evaluation).check()
        folder = RunFolder.open(pathlib.Path(run or ""))
        _, runner = load_runner(folder.path)
        results = evaluate_run(config, runner, options.evaluation)
        path = folder.write_evaluation(results)
        console.print(evaluation_table(results))
        write_report(folder, runner)
        _say(console, f"Written to {path} and shown in {folder.path / REPORT}.")
        return 0

    return _report_errors(work)


def presets(arguments: list[str]) -> int:
    """`minimax-eqx presets`."""

    @dataclass(frozen=True)
    class PresetsOptions:
        """List the presets."""

    tyro.cli(PresetsOptions, args=arguments, prog="minimax-eqx presets")
    table = Table("preset", "what it trains", "updates")
    for name, (config, description) in PRESETS.items():
        table.add_row(name, description, f"{config.num_updates:,}")
    Console().print(table)
    return 0


def _devices_before(run: pathlib.Path) -> int:
    """As its configuration says; 1 if that cannot be read, of which `resume` will tell."""
    try:
        return RunFolder.open(run).config().devices
    except (ValueError, OSError):
        return 1


def _run(console: Console, work: Callable[[TerminalListener], Outcome]) -> int:
    def train_and_report() -> int:
        with TerminalListener(console) as listener:
            outcome = work(listener)
        folder = outcome.folder
        if not is_first():
            return INTERRUPTED if outcome.interrupted else 0
        if outcome.interrupted:
            write_curves(folder)
            _say(
                console,
                f"Stopped and saved at cycle {outcome.ledger.cycle}. Continue with:\n"
                f"  minimax-eqx train --resume {shlex.quote(str(folder.path))}",
            )
            return INTERRUPTED
        write_report(folder, outcome.runner)
        _say(console, f"Done. {folder.path / REPORT} shows the run.")
        return 0

    return _report_errors(train_and_report)


def _say(console: Console, text: str) -> None:
    """Prints text with paths in it as it is: whole lines, no colours, brackets kept."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _report_errors(work: Callable[[], int]) -> int:
    """Runs `work`; an error that a user can cause becomes one message and an exit code."""
    try:
        return work()
    except FirstProcessError:
        return USAGE_ERROR
    except (ValueError, OSError) as error:
        return _fail(str(error), USAGE_ERROR)
    except TypeCheckError as error:
        # Parts that do not fit together; the checker's full report is for developers.
        return _fail(f"these options do not work together: {_gist(error)}", USAGE_ERROR)
    except (TrainingError, JaxRuntimeError) as error:
        return _fail(str(error), FAILED)


def _gist(error: TypeCheckError) -> str:
    cause = error.__cause__ or error
    return next((line for line in str(cause).splitlines() if line.strip()), type(error).__name__)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
