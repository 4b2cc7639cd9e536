"""Runs that begin, go on, and are loaded."""

import contextlib
import dataclasses
import logging
import pathlib
from collections.abc import Iterator

import jax
from jax.sharding import Mesh

from ..runners import Runner, level_mesh, run
from ._ahead import CompileAhead
from ._annealing import check_annealing
from ._build import make_runner, matmul_precision
from ._config import Config
from ._folder import CONFIG, RunFolder
from ._ledger import Ledger
from ._listener import Listener
from ._loop import Outcome, TrainingError, TrainingLoop
from ._manifest import CheckpointError
from ._options import ConfigError
from ._processes import arrays_of_first, from_first, is_first

__all__ = ["Listener", "Outcome", "TrainingError", "load_runner", "resume", "start"]


def start(config: Config, path: pathlib.Path | str, listener: Listener | None = None) -> Outcome:
    """Trains a new run in the folder `path`, which must not exist or be empty.

    Of several processes that train together the first one alone writes, and has a listener.

    Raises `ConfigError` or `ValueError` for a configuration that cannot be run, before anything is
    written; `FolderError` if the folder is taken; `TrainingError` if the loss stops being a number;
    `OSError`, naming the file, if something cannot be written. Whatever fails before the first row
    of metrics.csv leaves the path as free as it was.
    """
    folder = RunFolder(path)
    from_first(lambda: RunFolder.check_free(folder.path))
    config.check()
    check_annealing(config)
    with matmul_precision(config):
        # Traces a cycle, so that what can be wrong is known before the folder is there.
        ahead = CompileAhead(config, config.log_every, _mesh(config))
        is_new = not folder.path.exists()
        from_first(lambda: RunFolder.create(folder.path, config) and None)
        with _locked(folder), _free_again_if_nothing_was_computed(folder, is_new):
            return TrainingLoop(config, folder, listener, None).train(ahead.runner(), ahead.compile)


def resume(
    path: pathlib.Path | str,
    listener: Listener | None = None,
    *,
    devices: int | None = None,
    num_updates: int | None = None,
) -> Outcome:
    """Continues the run in `path` from its newest checkpoint, exactly as if it had not stopped.

    A run that was killed before its first checkpoint was due starts again from its beginning, and
    what it had written of its results is removed. One that is finished is only evaluated.
    `num_updates` is how long to train, those before included, and is kept in the folder's
    config.json, where whatever `Config.what_decides_the_state` leaves out may be changed too.
    `devices` is the number of devices; on another number than before, numbers are added up in
    another order. Both are those of config.json if they are None.

    Raises `ConfigError` for fewer updates than were made, or more than it can learn in;
    `FolderError` or `CheckpointError` if there is nothing to continue from or another process is
    training there; `TrainingError` and `OSError` as `start` does.
    """
    folder = RunFolder(path)
    config = Config.from_dict(from_first(lambda: RunFolder.open(path).config().to_dict()))
    if num_updates is not None:
        config = dataclasses.replace(config, num_updates=num_updates)
    kept = config
    if devices is not None:
        config = dataclasses.replace(config, devices=devices)
    mesh = _mesh(config)
    with matmul_precision(config), _locked(folder):
        # Before a runner is built: that takes a while.
        cycle: int | None = from_first(lambda: _cycle_to_go_on_from(folder, config))
        runner = make_runner(config)
        if cycle is not None and is_first():
            runner = folder.checkpoints(config).load(cycle, runner)
        runner = arrays_of_first(runner).on(mesh)
        ledger = Ledger.of(runner, 0.0, 0.0)
        if num_updates is not None:
            _check_not_fewer(num_updates, ledger, folder)
        program = None
        if config.num_updates > ledger.updates:
            check_annealing(config, folder.path)
            # Traced now, so that what can be wrong is known before anything is changed.
            program = run.lower(runner, config.log_every)
        if num_updates is not None:
            from_first(lambda: folder.write_config(kept))
        if cycle is None:
            from_first(folder.forget_results)

        def compiled():
            assert program is not None
            return program.compile()

        return TrainingLoop(config, folder, listener, cycle).train(runner, compiled)


def load_runner(path: pathlib.Path | str) -> tuple[Config, Runner]:
    """The configuration of the run in `path`, and its state at the newest checkpoint that verifies,
    on one device. Another process may train there meanwhile.

    Raises `FolderError` or `CheckpointError` if there is none.
    """
    folder = RunFolder.open(path)
    config = folder.config()
    return config, folder.checkpoints(config).load_newest(lambda: make_runner(config))


def _mesh(config: Config) -> Mesh | None:
    config.check()
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


def _cycle_to_go_on_from(folder: RunFolder, config: Config) -> int | None:
    """That of the newest checkpoint that verifies; None to start from the beginning."""
    checkpoints, rows = folder.checkpoints(config), folder.metrics().read()
    if checkpoints.cycles():
        return checkpoints.newest()
    last = int(rows[-1]["cycle"]) if rows else 0
    if last > config.checkpoint_every:
        raise CheckpointError(
            f"There is no usable checkpoint in {checkpoints.path}, though {last} cycles were made "
            f"and checkpoint_every is {config.checkpoint_every}. If the run was killed before its "
            f"first one, set checkpoint_every to {last} or more in {CONFIG}, and it starts again; "
            "if they were removed, start a new run."
        )
    logging.getLogger("minimax_eqx").warning(
        "The run in %s was stopped before its first checkpoint; it starts again, without the %d "
        "rows that it had written to metrics.csv.",
        folder.path,
        len(rows),
    )
    return None


def _check_not_fewer(num_updates: int, ledger: Ledger, folder: RunFolder) -> None:
    if num_updates < ledger.updates:
        raise ConfigError(
            f"num_updates is {num_updates}, and the run in {folder.path} has made "
            f"{ledger.updates} already: it must be at least that."
        )
