"""The points of a sweep: which runs there are, which are one program, and which are done."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax

from .._composition._defaults import defaults_in, flat, with_defaults
from .._composition._plain import to_plain
from .._files import FolderError
from .._folder._run_folder import CONFIG, RunFolder
from ..runners._arrays import as_arrays
from ..runners._experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Point:
    """A run of a sweep: its name, what it is of, and where it is."""

    name: str
    experiment: Experiment
    folder: RunFolder


def groups(points: Sequence[Point], at_once: int | None) -> Iterator[list[Point]]:
    """The points of each program, at most `at_once` together."""
    found: dict[Any, list[Point]] = {}
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


def check_same(point: Point) -> None:
    """Raises `FolderError` if the folder of a point holds another run than that."""
    if not (point.folder.path / CONFIG).is_file():
        point.folder.check_free()
        return
    # A run that an older version began had fewer fields.
    before = flat(point.folder.config()["experiment"])
    expected = flat(to_plain(point.experiment))
    if with_defaults(before, defaults_in(point.experiment)) != expected:
        raise FolderError(
            f"{point.folder.path} holds a run of another experiment; choose another folder for "
            "this sweep, or remove it."
        )


def is_finished(point: Point) -> bool:
    """Whether a run has made its updates, and was saved and evaluated after them."""
    folder = point.folder
    with contextlib.suppress(FolderError):
        last = (folder.metrics().read() or [{}])[-1]
        cycle = int(last.get("cycle", 0))
        is_done = last.get("updates", 0) >= point.experiment.schedule.num_updates
        is_saved = cycle in folder.checkpoints(point.experiment).cycles()
        return is_done and is_saved and folder.evaluation()["cycle"] == cycle
    return False
