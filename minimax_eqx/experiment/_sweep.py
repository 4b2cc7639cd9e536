"""Several runs that belong together, in one folder: those that differ in numbers alone are trained
as members of one program."""

import contextlib
import dataclasses
import logging
import os
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from .._composition._user_code import UserCode
from .._files import FolderError
from .._folder._exchanges import check_same_tournament
from .._folder._run_folder import CONFIG, RunFolder
from ..runners import member, member_mesh
from ..runners._ahead import making
from ..runners._divergence import divergence_of_state
from ..runners._experiment import Experiment
from ..runners._members import compile_members, stacked
from ..runners._precision import matmul_precision
from ..runners._runner import Runner
from ..runners._share import at_share
from ..runners._tournament import Tournament
from ._hooks import Hook
from ._interrupt import stop_on_interrupt
from ._ledger import Ledger
from ._loop import Telling, on_host
from ._points import Point, check_same, groups, is_finished
from ._saving import TrainingError
from ._taking_up import taken_up, telling
from ._tournament import SweptTournament, newest_common


@dataclasses.dataclass(frozen=True)
class Swept:
    """What became of the points of a sweep, by their names."""

    finished: Mapping[str, RunFolder]
    """Those that are trained and evaluated, whenever that was."""
    failed: Mapping[str, str]
    """Those that could not be trained, with the reason."""
    interrupted: tuple[str, ...]
    """Those that were stopped, or not begun any more; all is saved."""
    elsewhere: tuple[str, ...]
    """Those that another process trains now."""


def sweep(
    experiments: Mapping[str, Experiment],
    path: pathlib.Path | str,
    *,
    hooks: Callable[[str], Sequence[Hook]] | None = None,
    at_once: int | None = None,
    tournament: Tournament | None = None,
    side_by_side: bool | None = None,
    code: UserCode | None = None,
    origins: Mapping[str, Mapping[str, Any]] | None = None,
) -> Swept:
    """Trains each experiment as a run of its own, in a folder of its name below `path`.

    Experiments that differ only in floats and seeds are trained as one program, as `run_members`
    does, and each as if it were alone, up to rounding. Others follow one after another. Called
    again it goes on where it was stopped, and trains what is new. Several processes may sweep the
    same folder at once: each takes what no other has.

    Arguments:

    - `hooks`: gives the hooks of the run of that name; by default one writes its report.
    - `at_once`: how many may be in one program; by default as many as there are.
    - `tournament`: has the runs copy the best of them now and then, with settings a little
      changed. They must be one program then, and `path` also gets `exchanges.csv`: which run was
      copied from which, when, and with what settings. All runs begin, end and go on together.
    - `side_by_side`: as for `run_members`. On a CPU True pays for small networks and few levels.
    - `code`: the user's file as the command line has it; in Python you leave it out.
    - `origins`: by name, what `train` takes as `origin`.

    A run that fails, for example since its loss is no number any more, does not stop the others. In
    a tournament it does, unless it is its loss: that run comes last at the next exchange.
    Raises `ValueError` for a name that is no name of a folder, for an experiment that cannot be
    run and for runs that cannot have a tournament, before anything is written, and `FolderError` if
    a folder holds another experiment, or the sweep another tournament.
    """
    root = pathlib.Path(path)
    for name in experiments:
        if not name or name != os.path.basename(name) or name in (".", ".."):
            raise ValueError(f"A run of a sweep is called {name!r}; it must be a folder's name.")
    points = [Point(n, e, RunFolder(root / n)) for n, e in experiments.items()]
    for point in points:
        if point.experiment.devices > 1:
            raise ValueError(
                f"{point.name} asks for {point.experiment.devices} devices; in a sweep the members "
                "share all devices, so leave devices at 1."
            )
        if point.experiment.schedule.budget is not None:
            raise ValueError(
                f"{point.name} has a budget of {point.experiment.schedule.budget}; the runs of a "
                "sweep share the time of one program, so give them num_updates, and use train for "
                "runs with a budget."
            )
        check_same(point)
    together = _together(tournament, experiments, root, at_once)
    for group in groups(points, None):
        # Traced now, so that what can be wrong is known before a folder is there.
        making(group[0].experiment)
    failed: dict[str, str] = {}
    stopped: list[str] = []
    tried: set[str] = set()
    is_stopped = False
    while not is_stopped:
        # Once each, whatever is missing in its folder afterwards.
        left = [p for p in points if p.name not in tried and not is_finished(p)]
        if together is not None and left:
            left = [] if tried else points
        for group in groups(left, at_once):
            told = _train(
                group,
                hooks=hooks or (lambda _: None),
                code=code,
                origins=origins or {},
                together=together,
                side_by_side=side_by_side,
            )
            failed |= told.failed
            stopped += told.interrupted
            tried |= told.tried
            is_stopped |= told.is_stopped
            if told.tried:
                break
        else:
            break
    busy = tuple(p.name for p in points if p.name not in tried and not is_finished(p))
    if is_stopped:
        stopped, busy = [*stopped, *busy], ()
    others = {*failed, *stopped, *busy}
    finished = {p.name: p.folder for p in points if p.name not in others}
    return Swept(finished, failed, tuple(stopped), busy)


def _together(
    tournament: Tournament | None,
    experiments: Mapping[str, Experiment],
    root: pathlib.Path,
    at_once: int | None,
) -> SweptTournament | None:
    """The tournament of a sweep, if it has one. Raises as `sweep` does if it cannot have it."""
    if tournament is None:
        check_same_tournament(root, None)
        return None
    if at_once is not None:
        raise ValueError(f"at_once is {at_once}; all runs of a tournament are in one program.")
    return SweptTournament(tournament, experiments, root)


@dataclasses.dataclass
class _Outcome:
    tried: set[str] = dataclasses.field(default_factory=set)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    interrupted: list[str] = dataclasses.field(default_factory=list)
    is_stopped: bool = False


def _train(
    group: Sequence[Point],
    *,
    hooks: Callable[[str], Sequence[Hook] | None],
    code: UserCode | None,
    origins: Mapping[str, Mapping[str, Any]],
    together: SweptTournament | None,
    side_by_side: bool | None,
) -> _Outcome:
    """Trains those points of a group that no other process has; in a tournament all or none."""
    outcome = _Outcome()
    with contextlib.ExitStack() as stack:
        stack.enter_context(matmul_precision(group[0].experiment))
        members: list[tuple[Point, Runner, Telling]] = []
        if together is not None:
            members = _take_all(
                group, stack, hooks=hooks, code=code, origins=origins, together=together
            )
        for point in group if together is None else ():
            taken = contextlib.ExitStack()
            try:
                runner, saved = _take(point, taken, code, origins.get(point.name))
            except FolderError as error:
                # Another process has it, or has just finished it.
                taken.close()
                logging.getLogger("minimax_eqx").debug("%s", error)
                continue
            except Exception as error:
                taken.close()
                outcome.failed[point.name] = f"{type(error).__name__}: {error}"
                continue
            stack.push(taken)
            run = telling(point.experiment, point.folder, runner, saved, hooks(point.name))
            stack.enter_context(contextlib.closing(run))
            members.append((point, runner, run))
        outcome.tried = {*outcome.failed, *(point.name for point, _, _ in members)}
        if members:
            _Members(members, outcome, together, side_by_side).train()
    return outcome


def _take(
    point: Point,
    taken: contextlib.ExitStack,
    code: UserCode | None,
    origin: Mapping[str, Any] | None,
) -> tuple[Runner, int | None]:
    """Holds the folder of a point, and gives the runner to go on with and the cycle that it was
    saved at, None if it begins."""
    is_new = not (point.folder.path / CONFIG).is_file()
    taken.enter_context(_held(point, code, origin))
    if is_new:
        return making(point.experiment)(), None
    runner, begins = taken_up(point.folder, point.experiment)
    if begins:
        point.folder.forget_results()
    return runner, None if begins else Ledger().of(runner).cycle


def _take_all(
    group: Sequence[Point],
    stack: contextlib.ExitStack,
    *,
    hooks: Callable[[str], Sequence[Hook] | None],
    code: UserCode | None,
    origins: Mapping[str, Mapping[str, Any]],
    together: SweptTournament,
) -> list[tuple[Point, Runner, Telling]]:
    """Holds the folders of all runs of a tournament, which go on from one cycle. None of them if
    another process has one."""
    together.begin()
    try:
        for point in group:
            stack.enter_context(_held(point, code, origins.get(point.name)))
    except FolderError as error:
        logging.getLogger("minimax_eqx").debug("%s", error)
        return []
    cycle = newest_common([(point.folder, point.experiment) for point in group])
    together.go_on_from(cycle)
    members = []
    for point in group:
        folder, experiment = point.folder, point.experiment
        make = making(experiment)
        if cycle is None:
            folder.forget_results()
            runner = make()
        else:
            runner = folder.checkpoints(experiment).load(cycle).restore(make.spec)
        told = telling(experiment, folder, runner, cycle, hooks(point.name), is_tolerant=True)
        stack.enter_context(contextlib.closing(told))
        members.append((point, runner, told))
    return members


def _held(
    point: Point, code: UserCode | None, origin: Mapping[str, Any] | None
) -> contextlib.AbstractContextManager[None]:
    """Holds the folder of a point, which is begun if it is a new one."""
    if (point.folder.path / CONFIG).is_file():
        return point.folder.locked()
    return point.folder.begun(point.experiment, code, origin)


class _Members:
    """Runs of one program, each of which is told as if it were alone."""

    def __init__(
        self,
        members: Sequence[tuple[Point, Runner, Telling]],
        outcome: _Outcome,
        together: SweptTournament | None,
        side_by_side: bool | None,
    ):
        self._together, self._side_by_side = together, side_by_side
        # Whether a run of a tournament failed.
        self._is_broken = False
        self._runners = stacked([runner for _, runner, _ in members])
        self._at_work = {i: run for i, (_, _, run) in enumerate(members)}
        self._outcome = outcome

    def train(self) -> None:
        """Trains until each run is complete, or somebody asks to stop."""
        runs = list(self._at_work.values())
        with stop_on_interrupt(self._stop) as asked_to_stop:
            self._with_each(lambda index, run: run.start(self._runner(index)))
            self._end_those_complete()
            if self._at_work and not asked_to_stop():
                begin = time.perf_counter()
                log_every, mesh = runs[0].experiment.schedule.log_every, _mesh_for(len(runs))
                compiled = self._together.compile if self._together else compile_members
                given = (log_every, mesh, self._side_by_side)
                self._runners, dispatch = compiled(self._runners, *given)
                seconds = self._share_of(time.perf_counter() - begin)
                self._with_each(lambda index, run: run.compiled(self._runner(index), seconds))
                while self._at_work and not asked_to_stop() and not self._is_broken:
                    self._go_on(dispatch)
            # Of a tournament all runs are complete, or none is.
            self._with_each(
                lambda index, run: self._end(
                    index, run, self._together is not None or not run.is_complete
                )
            )
            # Perhaps while the last of these runs were evaluated.
            self._outcome.is_stopped = asked_to_stop()

    def _go_on(self, dispatch: Callable[[Runner], Any]) -> None:
        """A log interval of all."""
        begin = time.perf_counter()
        shares = np.ones(int(self._runners.num_cycles.shape[0]), np.float32)
        for index, run in self._at_work.items():
            shares[index] = run.begin_interval()
        self._runners, metrics = dispatch(at_share(self._runners, shares))
        metrics = on_host(metrics)
        seconds = self._share_of(time.perf_counter() - begin)

        def tell(index: int, run: Telling) -> None:
            own = {name: values[index] for name, values in metrics.items()}
            run.progressed(self._runner(index), own, seconds)

        self._with_each(tell)
        self._end_those_complete()

    def _share_of(self, seconds: float) -> float:
        """What each pays of the time in which it waited for all."""
        return seconds / len(self._at_work)

    def _runner(self, index: int) -> Runner:
        return member(self._runners, index)

    def _with_each(self, work: Callable[[int, Telling], None]) -> None:
        """Does something with each run at work; one that fails is left, and the others go on."""
        for index, run in list(self._at_work.items()):
            try:
                work(index, run)
            except Exception as error:
                del self._at_work[index]
                self._is_broken = self._together is not None
                self._outcome.failed[run.folder.path.name] = f"{type(error).__name__}: {error}"

    def _end_those_complete(self) -> None:
        complete = [run.is_complete for run in self._at_work.values()]
        if self._together is None:
            self._with_each(
                lambda index, run: self._end(index, run, False) if run.is_complete else None
            )
        elif all(complete) and not self._is_broken:
            self._with_each(self._end_of_tournament)

    def _end_of_tournament(self, index: int, run: Telling) -> None:
        if fault := divergence_of_state(self._runner(index)):
            raise TrainingError(f"{fault.what}, and there is no exchange left to replace it.")
        self._end(index, run, False)

    def _end(self, index: int, run: Telling, is_interrupted: bool) -> None:
        if run.end(self._runner(index), interrupted=is_interrupted).interrupted:
            self._outcome.interrupted.append(run.folder.path.name)
        del self._at_work[index]

    def _stop(self) -> None:
        for run in self._at_work.values():
            run.stop()


def _mesh_for(num_members: int) -> Mesh | None:
    """As many devices as share the members equally."""
    most = len(jax.local_devices())
    shares = max(n for n in range(1, most + 1) if num_members % n == 0)
    return member_mesh(shares) if shares > 1 else None
