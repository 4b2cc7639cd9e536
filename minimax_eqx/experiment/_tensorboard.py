"""TensorBoard as a tracker."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .._packages import needed
from ..envs._pictures import gif
from ._trackers import AbstractTracker, Picture


class TensorBoard(AbstractTracker):
    """Writes into `tensorboard` in the folder of the run, or into `folder`: numbers, levels, and
    episodes as films. `tensorboard --logdir runs` shows them.

    Needs the package tensorboardX, of the extra `tensorboard`; raises `ImportError` without it.
    """

    def __init__(self, folder: pathlib.Path | str | None = None):
        self._folder = folder
        self._package = needed("tensorboardX", extra="tensorboard", by="The tracker tensorboard")
        self._writer: Any = None

    def begin(self, folder: pathlib.Path, composition: Mapping[str, Any]) -> None:
        self._writer = self._package.SummaryWriter(str(self._folder or folder / "tensorboard"))
        text = "\n".join(f"    {line}" for line in _lines(composition))
        self._writer.add_text("composition", text)

    def write_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def write_picture(self, name: str, picture: Picture, step: int) -> None:
        self._writer.add_image(name, picture, step, dataformats="HWC")

    def write_film(self, name: str, frames: Sequence[Picture], step: int) -> None:
        # TensorBoard shows GIFs; tensorboardX would make them with one more package.
        summary, (height, width, _) = self._package.summary.Summary, frames[0].shape
        image = summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=gif(frames)
        )
        value = summary.Value(tag=name, image=image)
        self._writer.file_writer.add_summary(summary(value=[value]), step)

    def end(self) -> None:
        self._writer.close()


def _lines(composition: Any, indent: str = "") -> list[str]:
    """Nested data as indented lines."""
    lines: list[str] = []
    for name, value in composition.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", *_lines(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines
