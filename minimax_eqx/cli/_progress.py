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

from ..experiment._config import Config
from ..experiment._ledger import Ledger
from ..runners import Runner

# Plain lines of a run, without those that say what it waits for.
LINES = 20


class TerminalListener:
    """A progress bar with return, success rate, steps per second and time left.

    Where the output is not a terminal, a plain line every so often instead. `heading` is the first
    line: what the run is.
    """

    def __init__(self, console: Console, heading: str | None = None):
        self._console = console
        self._heading = heading
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
        self._lines = _Lines(1)

    def __enter__(self) -> "TerminalListener":
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        self._num_updates = config.num_updates
        self._lines = _Lines(max(1, config.num_updates // LINES), ledger.updates)
        students = f"{runner.num_students} students, " if runner.num_students > 1 else ""
        devices = f" on {runner.mesh.size} devices" if runner.mesh is not None else ""
        if self._heading:
            self._print(self._heading)
        self._print(
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
        waits_for = _waits_for(row)
        text = f"{waits_for or _success(row)}  {row['steps_per_second']:,.0f} steps/s"
        completed = min(int(row["updates"]), self._num_updates)
        self._progress.update(self._task, completed=completed, description=text)
        if self._progress.disable and self._lines.is_due(row["updates"], waits_for):
            self._console.print(f"{_place(int(row['updates']), self._num_updates)}  {text}")

    def stopping(self) -> None:
        self._console.print("Stopping after this log interval; Ctrl-C again stops at once.")

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        self._console.print(evaluation_table(evaluation))

    def _print(self, text: str) -> None:
        """Whole lines with paths in them: no colours, brackets kept."""
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


class _Lines:
    """When the next plain line is due: after so many updates; and before the first one, when what
    the run waits for is another than in the line before."""

    def __init__(self, every: int, updates: float = 0):
        self._every = every
        self._first = self._next = updates
        self._waits_for: str | None = None

    def is_due(self, updates: float, waits_for: str | None) -> bool:
        if updates == self._first and waits_for is not None:
            is_news = waits_for != self._waits_for
            self._waits_for = waits_for
            return is_news
        if updates < self._next:
            return False
        self._next = updates + self._every
        return True


def _waits_for(row: dict[str, float]) -> str | None:
    """What a log interval without any update was for; None if there were updates."""
    if row.get("updated", 1.0) > 0:
        return None
    if row.get("searching", 0.0) > 0:
        return "searching for levels"
    filled = row.get("buffer_fill_ratio", math.nan)
    return None if math.isnan(filled) else f"filling the level buffer: {filled:.0%}"


def _success(row: dict[str, float]) -> str:
    """Return and success rate, as far as they were measured."""
    value, rate = row.get("return", math.nan), row.get("success_rate", math.nan)
    known = "return not measured" if math.isnan(value) else f"return {value:.2f}"
    return f"{known}  {'success not measured' if math.isnan(rate) else f'success {rate:.0%}'}"


def _place(updates: int, num_updates: int) -> str:
    """How far a run is. The log interval that reaches its end is finished, and may go beyond."""
    if updates > num_updates:
        return f"update {updates} ({num_updates} were asked for)"
    return f"update {updates} of {num_updates}"


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
