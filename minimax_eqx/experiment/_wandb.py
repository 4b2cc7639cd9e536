"""Weights & Biases as a tracker."""

import hashlib
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .._packages import needed
from ..envs._pictures import gif
from ._trackers import AbstractTracker, Picture


class WandB(AbstractTracker):
    """Logs to a project of Weights & Biases: numbers by environment steps, levels, and episodes as
    films. A run that is resumed goes on in the same place.

    It works offline too, `WandB(mode="offline")` or with the environment variable
    `WANDB_MODE=offline`; what it writes is in `wandb` in the folder of the run then, and `wandb
    sync` uploads it.

    Needs the package wandb, of the extra `wandb`; raises `ImportError` without it.
    """

    def __init__(self, project: str = "minimax_eqx", *, mode: str | None = None):
        self._project, self._mode = project, mode
        self._package = needed("wandb", extra="wandb", by="The tracker wandb")
        self._run: Any = None

    def begin(self, folder: pathlib.Path, composition: Mapping[str, Any]) -> None:
        self._run = self._package.init(
            project=self._project,
            name=folder.name,
            dir=str(folder),
            config=dict(composition),
            mode=self._mode,
            # The terminal is ours.
            settings=self._package.Settings(console="off", silent=True),
            # The same folder is the same run.
            id=hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16],
            resume="allow",
        )
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps")

    def write_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        self._run.log({**numbers, "env_steps": step})

    def write_picture(self, name: str, picture: Picture, step: int) -> None:
        self._run.log({name: self._package.Image(picture), "env_steps": step})

    def write_film(self, name: str, frames: Sequence[Picture], step: int) -> None:
        film = self._package.Video(io.BytesIO(gif(frames)), format="gif")
        self._run.log({name: film, "env_steps": step})

    def end(self) -> None:
        self._run.finish()
