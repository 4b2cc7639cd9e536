"""A tournament among the runs of a sweep: what is checked, and what is written down."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from .._composition._plain import to_plain
from .._files import FolderError
from .._folder._exchanges import (
    TOURNAMENT,
    check_same_tournament,
    exchanges_in,
    write_tournament,
)
from .._folder._run_folder import CONFIG, RunFolder, what_decides_the_state
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ..runners._saving import CheckpointError, DamagedError
from ..runners._swept import settings_among
from ..runners._tournament import (
    Tournament,
    check_tournament,
    compile_tournament,
    ranking_generator,
)

# Of the runs' newest checkpoints, one must be of a cycle that all runs were saved at.
FEWEST_CHECKPOINTS = 3


class SweptTournament:
    """The tournament of all runs of a sweep, in the order of their names.

    Raises `ValueError` for experiments that cannot have one, and `FolderError` if the folder of the
    sweep is of another one, or has runs without one.
    """

    def __init__(
        self, tournament: Tournament, experiments: Mapping[str, Experiment], root: pathlib.Path
    ):
        self._names, self._root = list(experiments), root
        first = next(iter(experiments.values()), None)
        if first is None:
            raise ValueError("A tournament needs runs, and there are none.")
        if tournament.generator is None and not _has_generator(tournament, first):
            # For example, a teacher designs the levels.
            tournament = dataclasses.replace(tournament, generator=first.evaluation.unseen)
        self._tournament = tournament
        _check_numbers_alone(experiments)
        _check_schedule(tournament, first)
        self.settings = settings_among(list(experiments.values()))
        check_tournament(tournament, first, len(experiments), self.settings)
        self._content = {"tournament": to_plain(tournament), "runs": self._names}
        check_same_tournament(root, self._content)
        is_new = not (root / TOURNAMENT).is_file()
        others = [n for n in self._names if (root / n / CONFIG).is_file()] if is_new else []
        if others:
            raise FolderError(
                f"{root / others[0]} was trained without this tournament; choose another folder "
                "for this sweep."
            )

    def begin(self) -> None:
        """Writes down which tournament this is."""
        write_tournament(self._root, self._content)

    def go_on_from(self, cycle: int | None) -> None:
        """Forgets the exchanges that runs at that cycle have still before them."""
        exchanges_in(self._root).drop_from(cycle or 0)

    def compile(
        self, runners: Runner, num_cycles: int, mesh: Mesh | None, side_by_side: bool | None
    ) -> tuple[Runner, Callable[[Runner], Any]]:
        """What `compile_members` gives, with exchanges, which the program's calls write down."""
        runners, program = compile_tournament(
            runners,
            num_cycles,
            self._tournament,
            mesh,
            settings=self.settings,
            side_by_side=side_by_side,
        )
        file = exchanges_in(self._root)

        def dispatch(runners):
            runners, metrics, exchanges = program(runners)
            found = jax.device_get(exchanges)
            for i in np.flatnonzero(found.is_due):
                file.append(self._rows(jax.tree.map(lambda x, i=i: x[i], found)))
            return runners, metrics

        return runners, dispatch

    def _rows(self, exchange: Any) -> list[dict[str, Any]]:
        found = []
        for i, (name, source) in enumerate(zip(self._names, exchange.sources, strict=True)):
            row = {"cycle": int(exchange.cycle), "run": name, "score": _number(exchange.scores[i])}
            row["copied_from"] = None if source == i else self._names[source]
            settings = {s: _number(values[i]) for s, values in exchange.settings.items()}
            found.append({**row, **settings})
        return found


def _number(value: Any) -> float:
    """The shortest decimal that an array stands for, 0.3 and not 0.30000001192."""
    return float(str(np.asarray(value)))


def newest_common(runs: Sequence[tuple[RunFolder, Experiment]]) -> int | None:
    """The newest cycle at which all runs have a whole checkpoint; None if they are to begin.

    Raises `CheckpointError` if they were saved, and there is none.
    """
    found = [folder.checkpoints(experiment) for folder, experiment in runs]
    common = set.intersection(*(set(checkpoints.cycles()) for checkpoints in found))
    for cycle in sorted(common, reverse=True):
        try:
            for checkpoints in found:
                checkpoints.load(cycle)
        except DamagedError:
            continue
        return cycle
    last = max(folder.metrics().last_cycle for folder, _ in runs)
    schedule = runs[0][1].schedule
    every = schedule.checkpoint_every
    # In the interval after the first one some runs may still have been waiting for theirs.
    if last > every + schedule.log_every:
        raise CheckpointError(
            f"The runs in {runs[0][0].path.parent} have made {last} cycles, and there is no cycle "
            f"of which all have a whole checkpoint, though checkpoint_every is {every}; a "
            "tournament cannot go on. Choose another folder, or remove this one."
        )
    return None


def _has_generator(tournament: Tournament, experiment: Experiment) -> bool:
    try:
        ranking_generator(tournament, experiment.curriculum)
    except ValueError:
        return experiment.evaluation.unseen is None
    return True


def _check_numbers_alone(experiments: Mapping[str, Experiment]) -> None:
    """Raises `ValueError`, naming options, if the runs differ in more than seeds and floats."""
    options = [what_decides_the_state(e) for e in experiments.values()]
    names = sorted({name for own in options for name in own} - {"seed"})
    values = {name: [own.get(name) for own in options] for name in names}
    chosen = [
        name
        for name, own in values.items()
        if any(v != own[0] for v in own) and not all(type(v) is float for v in own)
    ]
    if chosen:
        raise ValueError(
            f"The runs differ in {', '.join(chosen[:3])}{' and more' if len(chosen) > 3 else ''}, "
            "which makes them different programs; in a tournament they may differ in seeds and "
            "in numbers with a decimal point alone. Sweep the others without one, or hold a "
            "tournament for each."
        )


def _check_schedule(tournament: Tournament, experiment: Experiment) -> None:
    schedule = experiment.schedule
    if tournament.every % schedule.log_every:
        raise ValueError(
            f"A tournament every {tournament.every} cycles cannot be had with log_every="
            f"{schedule.log_every}; give a multiple of it."
        )
    if schedule.keep_checkpoints < FEWEST_CHECKPOINTS:
        raise ValueError(
            f"keep_checkpoints is {schedule.keep_checkpoints}; a tournament needs at least "
            f"{FEWEST_CHECKPOINTS}, so that a cycle remains at which all of its runs were saved."
        )
