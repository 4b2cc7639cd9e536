"""Runs that begin, go on, and are loaded."""

import contextlib
import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from .._xla._processes import arrays_of_first, from_first, is_first
from ..runners import Runner, level_mesh, run
from ..runners._ahead import CompileAhead, zeros
from ..runners._saving import CheckpointError, Saved
from ._config import Config
from ._described import check, matmul_precision, schedule_of, trace_runner
from ._divergence import Watch
from ._evaluation import evaluate_run
from ._folder import CONFIG, RunFolder
from ._hooks import Hook, Ledger
from ._loop import Outcome, train_until
from ._options import ConfigError
from ._own_hooks import Evaluate, SaveCheckpoints, WriteTables
from ._report import WriteReport


def train(
    config: Config, path: pathlib.Path | str, *, hooks: Sequence[Hook] | None = None
) -> Outcome:
    """Trains a new run in the folder `path`, which must not exist or be empty.

    Hooks are told of the run as it goes, in the first of several processes that train together,
    which alone writes; by default there is one, `WriteReport`.

    Raises `ValueError` for a configuration that cannot be run, before anything is written;
    `FolderError` if the folder is taken; `TrainingError` if the loss stops being a number;
    `OSError`, naming the file, if something cannot be written. Whatever fails before the first row
    of metrics.csv leaves the path as free as it was.
    """
    folder = RunFolder(path)
    from_first(lambda: RunFolder.check_free(folder.path))
    check(config)
    mesh = _mesh(config)
    with matmul_precision(config):
        # Traces a cycle, so that what can be wrong is known before the folder is there.
        ahead = CompileAhead(trace_runner(config), config.log_every, mesh)
        is_new = not folder.path.exists()
        from_first(lambda: RunFolder.create(folder.path, config) and None)
        with _locked(folder), _free_again_if_nothing_was_computed(folder, is_new):
            runner = arrays_of_first(ahead.runner()).on(mesh)
            return _Run(config, folder, None).go_on(runner, ahead.compile, hooks)


def resume(
    path: pathlib.Path | str,
    *,
    devices: int | None = None,
    num_updates: int | None = None,
    hooks: Sequence[Hook] | None = None,
) -> Outcome:
    """Continues the run in `path` from its newest checkpoint, exactly as if it had not stopped.

    A run that was killed before its first checkpoint was due starts again from its beginning, and
    what it had written of its results is removed. One that is finished is only evaluated, if it was
    not. `num_updates` is how long to train, those before included, and is kept in the folder's
    config.json, where whatever the state does not depend on may be changed too. `devices` is the
    number of devices; on another number than before, numbers are added up in another order. Both
    are those of config.json if they are None.

    Raises `ValueError` for fewer updates than were made, or more than it can learn in;
    `FolderError` or `CheckpointError` if there is nothing to continue from or another process is
    training there; `TrainingError` and `OSError` as `train` does.
    """
    folder = RunFolder(path)
    config = Config.from_dict(from_first(lambda: RunFolder.open(path).config().to_dict()))
    kept = config if num_updates is None else dataclasses.replace(config, num_updates=num_updates)
    config = kept if devices is None else dataclasses.replace(kept, devices=devices)
    schedule_of(config)
    mesh = _mesh(config)
    with matmul_precision(config), _locked(folder):
        runner, begins = _taken_up(folder, config)
        runner = arrays_of_first(runner).on(mesh)
        ledger = Ledger().of(runner)
        if num_updates is not None and num_updates < ledger.updates:
            raise ConfigError(
                f"num_updates is {num_updates}, and the run in {folder.path} has made "
                f"{ledger.updates} already: it must be at least that."
            )
        compiled = None
        if config.num_updates > ledger.updates:
            check(config, folder.path)
            # Traced now, so that what can be wrong is known before anything is changed.
            compiled = run.lower(runner, config.log_every).compile
        if num_updates is not None:
            from_first(lambda: folder.write_config(kept))
        if begins:
            from_first(folder.forget_results)
        saved = None if begins else ledger.cycle
        return _Run(config, folder, saved).go_on(runner, compiled, hooks)


def load_run(path: pathlib.Path | str) -> tuple[Config, Runner]:
    """The configuration of the run in `path`, and its state at the newest checkpoint that verifies,
    on one device. Another process may train there meanwhile.

    Raises `FolderError` or `CheckpointError` if there is none.
    """
    folder = RunFolder.open(path)
    config = folder.config()
    return config, folder.checkpoints(config).newest().restore(trace_runner(config).spec)


@dataclasses.dataclass(frozen=True)
class _Run:
    """A run that goes on now; `saved` is the cycle of the checkpoint from which, or None."""

    config: Config
    folder: RunFolder
    saved: int | None

    def go_on(
        self,
        runner: Runner,
        compiled: Callable[[], Any] | None,
        hooks: Sequence[Hook] | None,
    ) -> Outcome:
        """Trains with the hooks that every run has and, in the first process, with those given."""
        config, folder = self.config, self.folder
        schedule = schedule_of(config)
        compiling, running, last = from_first(self._drop_what_is_repeated)
        watch = Watch(folder.path, self.saved)
        save = SaveCheckpoints(folder.checkpoints(config), schedule, self.saved, watch.check_state)
        evaluate = Evaluate(functools.partial(evaluate_run, config), schedule, last, save.save)
        everybody: tuple[Hook, ...] = (watch, save, evaluate)
        if is_first():
            hooks = [WriteReport()] if hooks is None else hooks
            # A row is written before its state is saved.
            everybody = (watch, WriteTables(folder), save, evaluate, *hooks)
        ledger = Ledger().of(runner, compiling=compiling, running=running)
        return train_until(schedule, folder, (runner, ledger), compiled, everybody)

    def _drop_what_is_repeated(self) -> list[float]:
        """Removes rows of later cycles than that of the checkpoint. Returns the seconds spent
        before, also on what is done again, and the cycle of the evaluation that is left."""
        metrics, evaluations = self.folder.metrics(), self.folder.evaluations()
        spent = metrics.read()[-1:] or [{}]
        for table in (metrics, evaluations):
            table.drop_after(self.saved or 0)
        last = evaluations.last_cycle if self.folder.is_evaluated() else 0
        return [*(spent[0].get(f"seconds_{what}", 0.0) for what in ("compiling", "running")), last]


def _taken_up(folder: RunFolder, config: Config) -> tuple[Runner, bool]:
    """The runner to go on with, whose arrays count in the first process alone, and whether that is
    one that begins."""
    chosen: list[Saved | None] = []
    begins: bool = from_first(
        lambda: chosen.append(_to_go_on_from(folder, config)) or chosen[0] is None
    )
    make = trace_runner(config)
    if begins:
        return make(), True
    saved = chosen[0] if chosen else None
    return saved.restore(make.spec) if saved else zeros(make.spec), False


def _to_go_on_from(folder: RunFolder, config: Config) -> Saved | None:
    """The newest checkpoint that verifies; None to start from the beginning."""
    checkpoints, metrics = folder.checkpoints(config), folder.metrics()
    if checkpoints.cycles():
        return checkpoints.newest()
    if metrics.last_cycle > config.checkpoint_every:
        raise CheckpointError(
            f"There is no usable checkpoint in {checkpoints.path}, though {metrics.last_cycle} "
            f"cycles were made and checkpoint_every is {config.checkpoint_every}. If the run was "
            f"killed before its first one, set checkpoint_every to {metrics.last_cycle} or more in "
            f"{CONFIG}, and it starts again; if they were removed, start a new run."
        )
    logging.getLogger("minimax_eqx").warning(
        "The run in %s was stopped before its first checkpoint; it starts again, without the %d "
        "rows that it had written to metrics.csv.",
        folder.path,
        len(metrics.read()),
    )
    return None


def _mesh(config: Config) -> Mesh | None:
    alone = config.devices == 1 and jax.process_count() == 1
    return None if alone else level_mesh(config.devices)


@contextlib.contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Holds the folder, in the first process, and lets the others know if it cannot be had."""
    with contextlib.ExitStack() as stack:
        from_first(lambda: stack.enter_context(folder.locked()))
        yield


@contextlib.contextmanager
def _free_again_if_nothing_was_computed(folder: RunFolder, is_new: bool) -> Iterator[None]:
    """The same command can be tried again, with less memory or a lower learning rate say."""
    try:
        yield
    except BaseException:
        if is_first():
            folder.discard(and_itself=is_new)
        raise
