"""Several runs that belong together, in one folder: those that differ in numbers alone are trained
as members of one program."""

import contextlib
import dataclasses
import logging
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from .._composition._plain import to_plain
from .._composition._user_code import UserCode
from .._files import FolderError
from .._folder._run_folder import CONFIG, RunFolder
from ..runners import member, member_mesh
from ..runners._ahead import making
from ..runners._arrays import as_arrays
from ..runners._experiment import Experiment
from ..runners._members import compile_members, stacked
from ..runners._precision import matmul_precision
from ..runners._runner import Runner
from ..runners._share import at_share
from ._hooks import Hook, Stopping
from ._interrupt import stop_on_interrupt
from ._ledger import Ledger
from ._loop import Telling, on_host
from ._taking_up import taken_up, telling


@dataclasses.dataclass(frozen=True)
class Swept:
    """What became of the points of a sweep, by their names."""

    finished: Mapping[str, RunFolder]
    """Those that are trained and evaluated, whenever that was."""
    failed: Mapping[str, str]
    """Those that could not be trained, with the reason."""
    interrupted: tuple[str, ...]
    """Those that were stopped; all is saved."""
    elsewhere: tuple[str, ...]
    """Those that another process trains now."""


@dataclasses.dataclass(frozen=True)
class _Point:
    name: str
    experiment: Experiment
    folder: RunFolder


def sweep(
    experiments: Mapping[str, Experiment],
    path: pathlib.Path | str,
    *,
    hooks: Callable[[str], Sequence[Hook]] | None = None,
    at_once: int | None = None,
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
    - `code`: the user's file that the experiments were made from, if any.
    - `origins`: by name, what `train` takes as `origin`.

    A run that fails, for example since its loss is no number any more, does not stop the others.
    Raises `ValueError` for a name that is no name of a folder and for an experiment that cannot be
    run, before anything is written, and `FolderError` if a folder holds another experiment.
    """
    root = pathlib.Path(path)
    for name in experiments:
        if not name or name != os.path.basename(name) or name in (".", ".."):
            raise ValueError(f"A run of a sweep is called {name!r}; it must be a folder's name.")
    points = [_Point(n, e, RunFolder(root / n)) for n, e in experiments.items()]
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
        _check_same(point)
    for group in _groups(points, None):
        # Traced now, so that what can be wrong is known before a folder is there.
        making(group[0].experiment)
    failed: dict[str, str] = {}
    stopped: list[str] = []
    tried: set[str] = set()
    while not stopped:
        # Once each, whatever is missing in its folder afterwards.
        left = [p for p in points if p.name not in tried and not _is_finished(p)]
        for group in _groups(left, at_once):
            told = _train(group, hooks or (lambda _: None), code, origins or {})
            failed |= told.failed
            stopped += told.interrupted
            tried |= told.tried
            if told.tried:
                break
        else:
            break
    busy = tuple(p.name for p in points if p.name not in tried and not _is_finished(p))
    others = {*failed, *stopped, *busy}
    finished = {p.name: p.folder for p in points if p.name not in others}
    return Swept(finished, failed, tuple(stopped), busy)


@dataclasses.dataclass
class _Outcome:
    tried: set[str] = dataclasses.field(default_factory=set)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    interrupted: list[str] = dataclasses.field(default_factory=list)


def _groups(points: Sequence[_Point], at_once: int | None) -> Iterator[list[_Point]]:
    """The points of each program, at most `at_once` together."""
    found: dict[Any, list[_Point]] = {}
    for point in points:
        found.setdefault(_program_of(point.experiment), []).append(point)
    for group in found.values():
        size = at_once or len(group)
        yield from (group[i : i + size] for i in range(0, len(group), size))


def _program_of(experiment: Experiment) -> Any:
    """What is equal for experiments that are one program: all but the values of floats."""
    arrays = as_arrays(dataclasses.replace(experiment, seed=0))
    static = eqx.filter(arrays, eqx.is_array, inverse=True)
    leaves, structure = jax.tree.flatten(static)
    return structure, tuple(leaves)


def _check_same(point: _Point) -> None:
    """Raises `FolderError` if the folder of a point holds another run than that."""
    if not (point.folder.path / CONFIG).is_file():
        point.folder.check_free()
    elif point.folder.config()["experiment"] != _through_json(to_plain(point.experiment)):
        raise FolderError(
            f"{point.folder.path} holds a run of another experiment; choose another folder for "
            "this sweep, or remove it."
        )


def _through_json(value: Any) -> Any:
    """Data as it is when it was in a file: tuples are lists."""
    if isinstance(value, Mapping):
        return {name: _through_json(v) for name, v in value.items()}
    return [_through_json(v) for v in value] if isinstance(value, list | tuple) else value


def _is_finished(point: _Point) -> bool:
    """Whether a run has made its updates, and was saved and evaluated after them."""
    folder = point.folder
    with contextlib.suppress(FolderError):
        last = (folder.metrics().read() or [{}])[-1]
        cycle = int(last.get("cycle", 0))
        is_done = last.get("updates", 0) >= point.experiment.schedule.num_updates
        is_saved = cycle in folder.checkpoints(point.experiment).cycles()
        return is_done and is_saved and folder.evaluation()["cycle"] == cycle
    return False


def _train(
    group: Sequence[_Point],
    hooks: Callable[[str], Sequence[Hook] | None],
    code: UserCode | None,
    origins: Mapping[str, Mapping[str, Any]],
) -> _Outcome:
    """Trains those points of a group that no other process has."""
    outcome = _Outcome()
    with contextlib.ExitStack() as stack:
        stack.enter_context(matmul_precision(group[0].experiment))
        members: list[tuple[_Point, Runner, Telling]] = []
        for point in group:
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
            _Members(members, outcome).train()
    return outcome


def _take(
    point: _Point,
    taken: contextlib.ExitStack,
    code: UserCode | None,
    origin: Mapping[str, Any] | None,
) -> tuple[Runner, int | None]:
    """Holds the folder of a point, and gives the runner to go on with and the cycle that it was
    saved at, None if it begins."""
    if not (point.folder.path / CONFIG).is_file():
        taken.enter_context(point.folder.begun(point.experiment, code, origin))
        return making(point.experiment)(), None
    taken.enter_context(point.folder.locked())
    runner, begins = taken_up(point.folder, point.experiment)
    if begins:
        point.folder.forget_results()
    return runner, None if begins else Ledger().of(runner).cycle


class _Members:
    """Runs of one program, each of which is told as if it were alone."""

    def __init__(self, members: Sequence[tuple[_Point, Runner, Telling]], outcome: _Outcome):
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
                self._runners, dispatch = compile_members(self._runners, log_every, mesh)
                seconds = self._share_of(time.perf_counter() - begin)
                self._with_each(lambda index, run: run.compiled(self._runner(index), seconds))
                while self._at_work and not asked_to_stop():
                    self._go_on(dispatch)
            self._with_each(self._end)

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
                self._outcome.failed[run.folder.path.name] = f"{type(error).__name__}: {error}"

    def _end_those_complete(self) -> None:
        self._with_each(lambda index, run: self._end(index, run) if run.is_complete else None)

    def _end(self, index: int, run: Telling) -> None:
        if run.end(self._runner(index), interrupted=not run.is_complete).interrupted:
            self._outcome.interrupted.append(run.folder.path.name)
        del self._at_work[index]

    def _stop(self) -> None:
        for run in self._at_work.values():
            run.tell(Stopping())


def _mesh_for(num_members: int) -> Mesh | None:
    """As many devices as share the members equally."""
    most = len(jax.local_devices())
    shares = max(n for n in range(1, most + 1) if num_members % n == 0)
    return member_mesh(shares) if shares > 1 else None
