"""What a network reads of an observation, and whether it is there."""

from collections.abc import Mapping
from typing import Any

from .._types import PyTree
from .._xla._windows import KERNEL_SIZE


def read_spec(encoder: str, observation: PyTree, **fields: tuple[int, str]) -> tuple[Any, ...]:
    """The named fields of an observation's structure.

    `fields` has the number of axes of each, and what it is in words. Raises `ValueError`, saying
    what the encoder needs and what it got, if one is missing or has another number of axes.
    """
    found = tuple(getattr(observation, name, None) for name in fields)
    axes = [None if spec is None else len(spec.shape) for spec in found]
    if axes != [num_axes for num_axes, _ in fields.values()]:
        needed = " and ".join(f"`{name}` ({what})" for name, (_, what) in fields.items())
        got = " ".join(str(observation).split())
        raise ValueError(
            f"{encoder} reads observations with {needed}, and got {got}. FlatEncoder reads "
            "observations of any form; for another network write an AbstractEncoder."
        )
    return found


def check_image(
    encoder: str, shape: tuple[int, ...], made_for: tuple[int, ...] | None = None
) -> None:
    """Raises `ValueError` for an image that is smaller than the kernel, or not of the shape that
    the encoder was made for."""
    rows, columns, channels = shape[-3:]
    if made_for is not None and (rows, columns, channels) != made_for:
        raise ValueError(f"{encoder} was made for images of shape {made_for} and got {shape[-3:]}.")
    if min(rows, columns) < KERNEL_SIZE:
        raise ValueError(
            f"{encoder} needs an image of at least {KERNEL_SIZE} x {KERNEL_SIZE} cells, not {rows} "
            f"x {columns}."
        )


def action_mask(observation: PyTree) -> Any:
    """The observation's field or entry `action_mask`; None if there is none."""
    if isinstance(observation, Mapping):
        return observation.get("action_mask")
    return getattr(observation, "action_mask", None)
