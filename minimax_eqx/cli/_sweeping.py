"""A sweep with a person at the terminal: one bar for all runs, and a table at the end."""

import contextlib
import os
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from rich.console import Console

from .._composition._user_code import UserCode
from .._files import FolderError
from .._folder._patterns import matching
from ..experiment import Evaluated, Progressed, Started, Stopping, Swept, WriteReport
from ..experiment._compare import At, UnequalError, compare
from ..experiment._hooks import Event, Hook
from ..experiment._sweep import sweep
from ..runners._experiment import Experiment
from ..runners._tournament import Tournament
from ._comparison import show
from ._messages import FAILED, SAVED
from ._process_options import ProcessOptions
from ._progress import progress_bar, say, told_to_stop
from ._terminal import start_jax
from ._tournament import show_tournament
from ._trackers import trackers_named


def train(
    folder: pathlib.Path,
    experiments: Mapping[str, Experiment],
    *,
    at_once: int | None,
    tournament: Tournament | None,
    side_by_side: bool | None,
    tracker: str | None,
    code: UserCode | None,
    origins: Mapping[str, Mapping[str, Any]],
) -> int:
    """Trains the runs of a sweep in this process, and says what became of them."""
    # Members share the cores as devices.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with contextlib.suppress(RuntimeError):  # JAX has started
        jax.config.update("jax_num_cpu_devices", min(cores, len(experiments)))
    start_jax(ProcessOptions(), 1)
    console = Console()
    runs = "1 run" if len(experiments) == 1 else f"{len(experiments)} runs"
    say(console, f"Sweeping {runs} in {folder}. Ctrl-C saves and stops.")
    if tournament is None and any(e.evaluation.suite is None for e in experiments.values()):
        say(
            console,
            "Without held-out tests no table can compare these runs at the end: choose a --suite "
            "now, level-file for levels of yours, or evaluate all runs on one later.",
        )
    total = sum(e.schedule.num_updates for e in experiments.values())
    with contextlib.closing(Together(console, total)) as together:

        def hooks(name: str) -> Sequence[Hook]:
            return [together.hook(name), WriteReport(), *trackers_named(tracker)]

        outcome = sweep(
            experiments,
            folder,
            hooks=hooks,
            at_once=at_once,
            tournament=tournament,
            side_by_side=side_by_side,
            code=code,
            origins=origins,
        )
    return tell(console, folder, outcome, is_tournament=tournament is not None)


def by_workers(
    folder: pathlib.Path, names: Sequence[str], words: Sequence[str], num_workers: int
) -> int:
    """Has several processes share the runs, each of which takes what no other has."""
    console = Console()
    at_once = -(-len(names) // num_workers)
    command = [sys.executable, "-m", "minimax_eqx", "sweep", *words]
    # Of an option that is given twice the last counts.
    command += ["--workers", "1", *([] if "--at-once" in words else ["--at-once", str(at_once)])]
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        workers = []
        for i in range(num_workers):
            log = stack.enter_context(open(folder / f"worker-{i + 1}.log", "w", encoding="utf-8"))
            workers.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        say(console, f"{num_workers} processes share {len(names)} runs; {folder}/worker-*.log.")
        try:
            codes = [worker.wait() for worker in workers]
        except BaseException:
            # Ctrl-C reaches them too; whatever else stops this process does not.
            for worker in workers:
                worker.terminate()
            codes = [worker.wait() for worker in workers]
    show_table(console, folder, [folder / name for name in names])
    return max(codes)


class Together:
    """One progress bar for all runs of a sweep, and a line for each that is done."""

    def __init__(self, console: Console, total: int):
        self._console = console
        self._progress = progress_bar(console)
        self._task = self._progress.add_task("compiling", total=total)
        self._updates: dict[str, int] = {}
        self._told_to_stop = False
        self._progress.start()
        if self._progress.disable:
            say(console, "compiling")

    def close(self) -> None:
        """Leaves the bar as it is now."""
        self._progress.stop()

    def hook(self, name: str) -> Hook:
        """The hook of the run of that name."""

        def told(event: Event) -> None:
            if isinstance(event, Started | Progressed):
                self._updates[name] = event.ledger.updates
                done = sum(self._updates.values())
                doing = "updates of all runs" if done else "compiling"
                self._progress.update(self._task, completed=done, description=doing)
            elif isinstance(event, Evaluated):
                say(self._console, f"{name}: update {event.ledger.updates:,}, {_success(event)}.")
            elif isinstance(event, Stopping) and not self._told_to_stop:
                self._told_to_stop = True
                say(self._console, told_to_stop(event))

        return told


def tell(
    console: Console, folder: pathlib.Path, outcome: Swept, *, is_tournament: bool = False
) -> int:
    """Says what became of a sweep, and gives the exit code."""
    for name, reason in outcome.failed.items():
        say(console, f"{name} failed: {reason}")
    if outcome.elsewhere:
        say(console, f"Another process trains {', '.join(outcome.elsewhere)}.")
    if is_tournament:
        show_tournament(console, folder, outcome.finished)
    else:
        show_table(console, folder, [run.path for run in outcome.finished.values()])
    if outcome.interrupted:
        say(console, f"Stopped, and saved in {folder}. The same command goes on.")
        return SAVED
    return FAILED if outcome.failed else 0


def show_table(console: Console, folder: pathlib.Path, paths: Sequence[pathlib.Path]) -> None:
    """The runs that are evaluated, as `compare` shows them, and the command that does so again."""
    done = [path for path in paths if (path / "evaluation.json").is_file()]
    if not done:
        return
    named = _named(folder, done)
    at: At = "transitions"
    try:
        try:
            comparison = compare(named)
        except UnequalError:
            at = "end"
            comparison = compare(named, at=at)
    except ValueError as error:
        # For example, there is no held-out test.
        say(console, f"The runs are not compared: {error}")
        return
    show(console, comparison)
    if at == "end":
        spent = [run.transitions for method in comparison.methods for run in method.runs]
        say(
            console,
            "The runs were not evaluated at equal transitions, so they are compared at their ends, "
            f"after from {min(spent):,} to {max(spent):,} transitions.",
        )
    words = ["minimax-eqx", "compare", *named, *(["--at", at] if at == "end" else [])]
    say(console, f"This table again: {shlex.join(words)}")


def _named(folder: pathlib.Path, runs: Sequence[pathlib.Path]) -> list[str]:
    """What `compare` is given for these runs: a pattern, unless there are others in the folder."""
    pattern = f"{folder}/*"
    # Of a folder whose name is a pattern itself, nothing may be found.
    with contextlib.suppress(FolderError):
        if {*matching(pattern)} == {*runs}:
            return [pattern]
    return [str(run) for run in runs]


def _success(event: Evaluated) -> str:
    """What an evaluation says in a few words."""
    results = [r for r in event.evaluation["held_out"].values() if r["success_rate"] is not None]
    unseen = event.evaluation["unseen"]
    parts = []
    if unseen and unseen["success_rate"] is not None:
        parts.append(f"{unseen['success_rate']:.0%} of unseen levels")
    if results:
        mean = sum(r["success_rate"] for r in results) / len(results)
        parts.append(f"{mean:.0%} of held-out tests")
    return " and ".join(parts) + " solved" if parts else "evaluated"
