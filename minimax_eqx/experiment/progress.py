"""What a person sees in the terminal while a run goes on."""

import math
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ..runners import Runner
from .config import Config
from .ledger import Ledger


class TerminalListener:
    """A progress bar with return, success rate, steps per second and time left.

    Where the output is not a terminal, a plain line every so often instead.
    """

    def __init__(self, console: Console):
        self._console = console
        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=14),
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("compiling", total=None, start=False)
        self._num_updates = 0
        self._next_line = 0

    def __enter__(self) -> "TerminalListener":
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        self._num_updates = config.num_updates
        self._next_line = ledger.updates
        students = f"{runner.num_students} students, " if runner.num_students > 1 else ""
        devices = f" on {runner.mesh.size} devices" if runner.mesh is not None else ""
        self._console.print(
            f"{students}{runner.curriculum.num_levels * runner.num_trials} plays of "
            f"{runner.num_steps} steps per cycle{devices}; "
            f"update {ledger.updates} of {self._num_updates}. Ctrl-C saves and stops."
        )
        self._progress.start()
        self._progress.update(self._task, total=self._num_updates, completed=ledger.updates)

    def compiled(self, seconds: float) -> None:
        self._progress.start_task(self._task)
        self._progress.update(self._task, description=f"compiled in {seconds:.1f} s")

    def progressed(self, row: dict[str, float]) -> None:
        # What was not measured is left out.
        measured = [
            f"{name} {row[column]:{form}}"
            for name, column, form in (
                ("return", "return", ".2f"),
                ("success", "success_rate", ".0%"),
            )
            if not math.isnan(row[column])
        ]
        text = "  ".join([*measured, f"{row['steps_per_second']:,.0f} steps/s"])
        completed = min(int(row["updates"]), self._num_updates)
        self._progress.update(self._task, completed=completed, description=text)
        if self._progress.disable and row["updates"] >= self._next_line:
            self._console.print(f"update {row['updates']:.0f} of {self._num_updates}  {text}")
            self._next_line = row["updates"] + max(1, self._num_updates // 20)

    def stopping(self) -> None:
        self._console.print("Stopping after this log interval; Ctrl-C again stops at once.")

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        self._console.print(evaluation_table(evaluation))


def evaluation_table(evaluation: dict[str, Any]) -> Table:
    """The results as a table: unseen levels first, then each held-out maze."""
    table = Table("maze", "success", "return", "steps", "episodes")
    for name, results in (
        ("unseen training levels", evaluation["unseen"]),
        *evaluation["held_out"].items(),
    ):
        table.add_row(
            name,
            f"{results['success_rate']:.1%}",
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
    return table
