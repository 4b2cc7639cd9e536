"""A tournament on the command line: its options, and what became of it."""

import math
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from .._folder._exchanges import COLUMNS, exchanges_in
from .._folder._run_folder import RunFolder
from ..runners._tournament import Tournament
from ._progress import say


@dataclass(frozen=True)
class TournamentOptions:
    """Whether the runs of a sweep copy the best of them."""

    tournament_every: int = 0
    """Cycles after which the worst runs become copies of the best, again and again; 0 for never."""
    tournament_share: float = 0.25
    """The share of the runs that is replaced each time, at least one."""
    tournament_levels: int = 64
    """Levels that the runs are ranked on, drawn as those of training are."""
    tournament_episodes: int = 1
    """Episodes on each of these levels."""

    def tournament(self) -> Tournament | None:
        """What was asked for. Raises `ValueError`, naming the option, for what cannot be."""
        if self.tournament_every == 0:
            return None
        try:
            return Tournament(
                every=self.tournament_every,
                share=self.tournament_share,
                num_levels=self.tournament_levels,
                num_episodes=self.tournament_episodes,
            )
        except ValueError as error:
            message = str(error).replace("Tournament.num_", "--tournament-")
            raise ValueError(message.replace("Tournament.", "--tournament-")) from None


def show_tournament(
    console: Console, folder: pathlib.Path, finished: Mapping[str, RunFolder]
) -> None:
    """A row for each run: how it was tested, what it is a copy of, and its settings now."""
    exchanges = exchanges_in(folder).read()
    names = list(dict.fromkeys(row["run"] for row in exchanges)) or list(finished)
    table = Table()
    table.add_column("run", overflow="fold")
    table.add_column("tests", justify="right")
    table.add_column("last copied from", overflow="fold")
    settings = [name for row in exchanges[:1] for name in row if name not in COLUMNS]
    for name in settings:
        table.add_column(f"{name.rpartition('.')[2]} now", justify="right")
    for name in names:
        own = [row for row in exchanges if row["run"] == name]
        copies = [row for row in own if row["copied_from"] is not None]
        told = ""
        if copies:
            times = "once" if len(copies) == 1 else f"{len(copies)} times"
            told = f"{copies[-1]['copied_from']}, at cycle {copies[-1]['cycle']:,} ({times})"
        now = [f"{own[-1][s]:.3g}" for s in settings] if own else [""] * len(settings)
        table.add_row(name, _tested(finished.get(name)), told, *now)
    console.print(table)
    say(
        console,
        f"{folder}/exchanges.csv has all exchanges. These runs copy one another, so they are not "
        "independent: for intervals, hold several tournaments with other seeds.",
    )


def _tested(run: RunFolder | None) -> str:
    """The mean success rate in held-out tests, or else the mean return on unseen levels."""
    if run is None:
        return ""
    evaluation: dict[str, Any] = run.evaluation()
    rates = [test["success_rate"] for test in evaluation["held_out"].values()]
    if rates and None not in rates:
        return f"{sum(rates) / len(rates):.0%} solved"
    tests = [*evaluation["held_out"].values(), evaluation["unseen"] or {}]
    found = [test["return"] for test in tests if test.get("return") is not None]
    value = sum(found) / len(found) if found else math.nan
    return "" if math.isnan(value) else f"return {value:.3g}"
