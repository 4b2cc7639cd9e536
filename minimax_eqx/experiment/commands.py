"""The commands of the command line: options in, exit code out."""

import dataclasses
import pathlib
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from ..cli import INTERRUPTED, USAGE_ERROR
from .config import Config
from .evaluation import evaluate_run
from .folder import RunFolder
from .presets import PRESETS, preset
from .progress import TerminalListener, evaluation_table
from .report import write_curves, write_report
from .train import Outcome, TrainingError, load_runner, resume, start

FAILED = 1
DEFAULT_PRESET = "quickstart"
RUNS = pathlib.Path("runs")


@dataclass(frozen=True)
class _TrainOptions:
    """Train a new run from a preset; every option overrides the preset's value."""

    config: tyro.conf.OmitArgPrefixes[Config]
    run: pathlib.Path | None = None
    """Folder of the run; must not exist. Default: runs/PRESET-SEED."""


@dataclass(frozen=True)
class _ResumeOptions:
    """Continue a run from its newest checkpoint, exactly as if it had not stopped."""

    resume: pathlib.Path
    """Folder of the run."""


@dataclass(frozen=True)
class _EvaluateOptions:
    """Evaluate the newest checkpoint of a run; writes evaluation.json into its folder.

    Options that are not given are as in the run's configuration.
    """

    run: Annotated[pathlib.Path, tyro.conf.Positional]
    """Folder of the run."""
    mazes: tuple[str, ...] | None = None
    """Held-out mazes or panels (minimax-12, jaxued-8, all)."""
    num_episodes: int | None = None
    """Episodes of each held-out maze."""
    num_unseen_levels: int | None = None
    """Unseen levels of the training distribution."""
    greedy: bool | None = None
    """Take the likeliest action instead of sampling."""


def train(arguments: list[str]) -> int:
    """`minimax-eqx train`."""
    console = Console()
    if "--resume" in arguments or any(a.startswith("--resume=") for a in arguments):
        options = tyro.cli(_ResumeOptions, args=arguments, prog="minimax-eqx train")
        return _run(console, lambda listener: resume(options.resume, listener))
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
        return start(options.config, path, listener)

    return _run(console, begin)


def evaluate(arguments: list[str]) -> int:
    """`minimax-eqx evaluate`."""
    options = tyro.cli(_EvaluateOptions, args=arguments, prog="minimax-eqx evaluate")
    console = Console()

    def work() -> int:
        config, runner = load_runner(options.run)
        given = {
            name: value
            for name, value in dataclasses.asdict(options).items()
            if name != "run" and value is not None
        }
        config = dataclasses.replace(
            config, evaluation=dataclasses.replace(config.evaluation, **given)
        )
        config.check()
        evaluation = evaluate_run(config, runner)
        path = RunFolder.open(options.run).write_evaluation(evaluation)
        console.print(evaluation_table(evaluation))
        console.print(f"Written to {path}.")
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


def _run(console: Console, work: Any) -> int:
    def train_and_report() -> int:
        with TerminalListener(console) as listener:
            outcome = work(listener)
        folder = outcome.folder
        write_curves(folder)
        if outcome.interrupted:
            console.print(
                f"Stopped and saved at cycle {outcome.ledger.cycle}. "
                f"Continue with: minimax-eqx train --resume {folder.path}"
            )
            return INTERRUPTED
        write_report(folder, outcome.runner)
        console.print(f"Done. Everything is in {folder.path}; open report.html to look at it.")
        return 0

    return _report_errors(train_and_report)


def _report_errors(work: Any) -> int:
    try:
        return work()
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("error: interrupted before the state was saved", file=sys.stderr)
        return INTERRUPTED
