"""What an encoder reads of an observation, and whether it is there."""

from typing import Any

from .._types import PyTree


def read_spec(encoder: str, observation_spec: PyTree, **fields: tuple[int, str]) -> tuple[Any, ...]:
    """The named fields of an observation's spec.

    `fields` has the number of axes of each, and what it is in words. Raises `ValueError`, saying
    what the encoder needs and what it got, if one is missing or has another number of axes.
    """
    found = tuple(getattr(observation_spec, name, None) for name in fields)
    axes = [None if spec is None else len(spec.shape) for spec in found]
    if axes != [num_axes for num_axes, _ in fields.values()]:
        needed = " and ".join(f"`{name}` ({what})" for name, (_, what) in fields.items())
        got = " ".join(str(observation_spec).split())
        raise ValueError(
            f"{encoder} reads observations with {needed}, and got {got}. FlatEncoder reads "
            "observations of any form; for another network write an AbstractEncoder."
        )
    return found
