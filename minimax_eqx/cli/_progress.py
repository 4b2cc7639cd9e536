"""What a person sees in the terminal while a run goes on."""

import math
from collections.abc import Mapping
from typing import Any

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from .._folder._results import evaluation_cells
from ..curricula._level_buffer import LevelBuffer
from ..experiment import Evaluated, Progressed, Started
from ..experiment._hooks import Compiled, Event, Stopping, Trained
from ..experiment._pace import SHARE
from ..runners import Schedule

_STOPPING = "Stopping after this log interval; Ctrl-C again stops at once."
_ENDING = (
    "Training is over, and the evaluation at its end goes on; Ctrl-C again stops it at once, and "
    "'minimax-eqx resume' makes it up."
)
_REPORTING = "writing the report"
# Plain lines of a run, without those that say what it waits for.
LINES = 20


class Terminal:
    """A hook: a progress bar with return, success rate, steps per second and time left, or, where
    the output is no terminal, a plain line every so often. `heading` says what the run is."""

    def __init__(self, console: Console, heading: str):
        self._console, self._heading = console, heading
        self._progress = progress_bar(console)
        self._task = self._progress.add_task("compiling", total=None, start=False)
        # Of plain lines: when the next one is due, and what the run waited for in the last one.
        self._schedule, self._next, self._waited_for = Schedule(), 0.0, None
        # What is said of the last log interval, and whether nothing more is trained.
        self._text, self._is_over = "", False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Compiled):
            self._progress.start_task(self._task)
            took = f"compiled in {event.seconds:.1f} s"
            self._progress.update(self._task, description=took)
            self._say_plainly(took)
        elif isinstance(event, Progressed):
            self._show(event.row)
        elif isinstance(event, Stopping):
            say(self._console, told_to_stop(event))
        elif isinstance(event, Evaluated):
            self._console.print(evaluation_table(event.evaluation))
            if self._is_over:
                say(self._console, _REPORTING)
        elif isinstance(event, Trained):
            self._is_over = True
            self.close()
            if event.interrupted:
                say(self._console, _REPORTING)

    def close(self) -> None:
        """Leaves the bar as it is now. To be called whatever happens: it hides the cursor."""
        if self._text:
            self._progress.update(self._task, description=self._text)
        self._progress.stop()

    def _start(self, event: Started) -> None:
        experiment, updates = event.experiment, event.ledger.updates
        self._schedule = experiment.schedule
        end, budget = self._schedule.num_updates, self._schedule.budget
        goal = f"of at most {end}" if budget else _goal(updates, end)
        students = f"{experiment.num_students} students, " if experiment.num_students > 1 else ""
        devices = f" on {experiment.devices} devices" if experiment.devices > 1 else ""
        plays = experiment.curriculum.levels_per_cycle * experiment.num_trials
        steps = experiment.steps_per_play
        say(
            self._console,
            f"{self._heading}\n{students}{plays} plays of {steps} steps per cycle"
            f"{devices}; update {updates} {goal}. "
            "Ctrl-C saves and stops.",
        )
        for buffer in _level_buffers(event.runner.curriculum_state):
            size = f"{buffer.num_bytes / 1e6:,.1f} MB"
            say(self._console, f"The level buffer has room for {buffer.capacity:,} levels: {size}.")
        if updates < end:
            self._progress.start()
            # With a budget the bar shows seconds, and the first row tells how many are spent.
            done, total = 0 if budget else updates, self._schedule.budget_seconds or end
            self._next = done
            self._progress.update(self._task, total=total, completed=done)
            self._say_plainly("compiling")

    def _say_plainly(self, text: str) -> None:
        """Prints what the bar would say, where there is none."""
        if self._progress.disable:
            say(self._console, text)

    def _show(self, row: Mapping[str, float]) -> None:
        updates, end, waits_for = int(row["updates"]), self._schedule.num_updates, _waits_for(row)
        text = f"{waits_for or _success(row)}  {row['steps_per_second']:,.0f} steps/s"
        done, total = min(updates, end), self._schedule.budget_seconds or end
        if self._schedule.budget is not None:
            done = int(row[SHARE] * total)
        self._progress.update(self._task, completed=done, description=text)
        is_due = waits_for != self._waited_for if waits_for else done >= self._next
        self._waited_for = waits_for
        if self._progress.disable and is_due:
            self._next = done + max(1, total // LINES)
            goal = _goal(updates, end)
            if self._schedule.budget is not None:
                goal = f"at {row[SHARE]:.0%} of {self._schedule.budget}"
            self._console.print(f"update {updates} {goal}  {text}")
        self._text = text
        if updates >= end:
            self._progress.update(self._task, description="evaluating")
            self._say_plainly("evaluating")


def told_to_stop(event: Stopping) -> str:
    """What happens now that the run was asked to stop."""
    return _ENDING if event.is_trained else _STOPPING


def progress_bar(console: Console) -> Progress:
    """How many updates are done, what is said of them, and the time left; nothing where the output
    is no terminal."""
    return Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=14),
        TextColumn("{task.description}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )


def say(console: Console, text: str) -> None:
    """Prints text with paths in it as it is: whole lines, no colours, brackets kept."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def evaluation_table(evaluation: Mapping[str, Any]) -> Table:
    """The results as a table: unseen levels first, then each held-out test."""
    table = Table("levels", "success", "return", "steps", "episodes")
    for cells in evaluation_cells(evaluation):
        table.add_row(*cells)
    return table


def tail_table(tail: Mapping[str, Any]) -> Table:
    """Success on the worst of many levels, for some of the shares that were measured."""
    table = Table("worst levels", "success", title=f"The worst of {tail['num_levels']:,} levels")
    for percent, rate in zip(tail["percent"], tail["success_rate"], strict=True):
        if math.log10(percent).is_integer():
            table.add_row(f"{percent:g} %", f"{rate:.1%}")
    return table


def _goal(updates: int, end: int) -> str:
    """How many updates were asked for. The log interval that reaches them is finished, and may go
    beyond."""
    return f"of {end}" if updates <= end else f"({end} were asked for)"


def _level_buffers(state: Any) -> list[LevelBuffer]:
    def is_buffer(node):
        return isinstance(node, LevelBuffer)

    return [leaf for leaf in jax.tree.leaves(state, is_leaf=is_buffer) if is_buffer(leaf)]


def _waits_for(row: Mapping[str, float]) -> str | None:
    """What a log interval without any update was for; None if there were updates."""
    if row.get("updated", 1.0) > 0:
        return None
    if row.get("searching", 0.0) > 0:
        return "searching for levels"
    filled = row.get("buffer_fill_ratio", math.nan)
    return None if math.isnan(filled) else f"filling the level buffer: {filled:.0%}"


def _success(row: Mapping[str, float]) -> str:
    """Return and success rate, as far as they were measured."""
    value, rate = row.get("return", math.nan), row.get("success_rate", math.nan)
    known = "return not measured" if math.isnan(value) else f"return {value:.2f}"
    return f"{known}  {'success not measured' if math.isnan(rate) else f'success {rate:.0%}'}"
