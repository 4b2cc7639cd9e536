"""Trackers by the names that the command line has for them."""

from dataclasses import dataclass

from .._composition._parts import nearest
from ..experiment._hooks import Remote
from ..experiment._tensorboard import TensorBoard
from ..experiment._trackers import tracking
from ..experiment._wandb import WandB

TRACKERS = {"tensorboard": TensorBoard, "wandb": WandB}


@dataclass(frozen=True)
class TrackerOptions:
    """Where a run is told of besides its folder."""

    tracker: str | None = None
    """Where numbers and pictures go as well: tensorboard or wandb, or several after commas."""


def trackers_named(names: str | None) -> list[Remote]:
    """The trackers whose names stand in a text, after commas, as hooks. None is for none.

    Raises `ValueError` for an unknown name, and `ImportError` if a package is missing.
    """
    chosen = [name.strip() for name in names.split(",")] if names is not None else []
    for name in chosen:
        if name not in TRACKERS:
            raise ValueError(
                f"There is no tracker '{name}'.{nearest(name, TRACKERS)} Known: "
                f"{', '.join(TRACKERS)}."
            )
    return [tracking(TRACKERS[name]()) for name in dict.fromkeys(chosen)]
