"""Places that the numbers and pictures of a run go to while it trains."""

import abc
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from .._composition._plain import to_plain
from .._folder._results import all_results
from ..evaluation._shown import shown_episode, shown_levels
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ._hooks import Evaluated, Event, Finished, Progressed, Remote, Started

Picture = UInt8[np.ndarray, "rows columns 3"]


class AbstractTracker(abc.ABC):
    """A place for numbers and pictures, such as TensorBoard.

    Its methods are called in the first process, between two dispatches of the compiled program, so
    they may take their time. `step` is always the number of environment steps. If one raises, the
    run goes on and the tracker is told nothing more.
    """

    @abc.abstractmethod
    def begin(self, folder: pathlib.Path, composition: Mapping[str, Any]) -> None:
        """A run begins, or goes on, in this folder. `composition` is what config.json holds of it,
        nested as the parts are. Called first."""

    @abc.abstractmethod
    def write_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Numbers by name, such as `train/return` or `evaluation/Labyrinth/success_rate`. Those
        that were not measured are left out."""

    def write_picture(self, name: str, picture: Picture, step: int) -> None:
        """A picture, of levels for example. Optional."""
        return None

    def write_film(self, name: str, frames: Sequence[Picture], step: int) -> None:
        """The frames of an episode, all of one size. Optional."""
        return None

    @abc.abstractmethod
    def end(self) -> None:
        """The run ends, or was interrupted. Called last, unless the run failed."""


class Track:
    """A hook that tells a tracker of a run: a row of metrics.csv after each log interval, and at
    each evaluation its results and, where the environment has an artist, levels and an episode.

    Make it by `tracking`, so that a tracker that fails does not stop the run.
    """

    def __init__(self, tracker: AbstractTracker):
        self._tracker = tracker
        self._experiment: Experiment | None = None
        self._runner: Runner | None = None
        self.__name__ = type(tracker).__name__

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._experiment, self._runner = event.experiment, event.runner
            self._tracker.begin(event.folder.path, to_plain(event.experiment))
        elif isinstance(event, Progressed):
            self._runner = event.runner
            numbers = {f"train/{name}": value for name, value in event.row.items()}
            self._tracker.write_numbers(_measured(numbers), event.ledger.env_steps)
        elif isinstance(event, Evaluated):
            self._write_evaluation(event.evaluation, event.ledger.env_steps)
        elif isinstance(event, Finished):
            self._tracker.end()

    def _write_evaluation(self, evaluation: Mapping[str, Any], step: int) -> None:
        numbers = {
            f"evaluation/{test}/{name}": value
            for test, results in all_results(evaluation).items()
            for name, value in (results | results.get("measures", {})).items()
            if isinstance(value, float)
        }
        self._tracker.write_numbers(_measured(numbers), step)
        if self._experiment is None or self._runner is None:
            return
        env, runner = self._experiment.env, self._runner.on(None)
        artist = env.artist()
        if artist is not None:
            levels = shown_levels(self._experiment, runner)
            self._tracker.write_picture("levels", artist.draw_levels(levels), step)
            recording = shown_episode(self._experiment, runner, levels)
            states, length = jax.device_get((recording.states, recording.length))
            level = jax.tree.map(lambda leaf: leaf[0], levels)
            frames = artist.draw_episode(env, level, states, int(length))
            self._tracker.write_film("episode", frames, step)


def tracking(tracker: AbstractTracker) -> Remote:
    """A tracker as a hook of `train` and `resume`: it is dropped, with a warning, if it fails."""
    return Remote(Track(tracker))


def _measured(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items() if np.isfinite(value)}
