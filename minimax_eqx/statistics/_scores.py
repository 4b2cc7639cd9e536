"""Tables of scores, and what they must be."""

import math
from typing import TypeAlias

import numpy as np
from jaxtyping import Array, Float, Real

# A score of each run in each task, after any other axes that you have, such as one of resamples.
Scores: TypeAlias = Real[np.ndarray, "*batch run task"] | Real[Array, "*batch run task"]
# One number for each of the other axes, which is a plain one if there are none.
Aggregate: TypeAlias = float | Float[np.ndarray, "*batch"]


def checked_scores(scores: Scores, name: str = "scores") -> Float[np.ndarray, "*batch run task"]:
    """The scores as a NumPy array of floats.

    Raises `ValueError` unless there are the axes `run task`, at least one of each, and only finite
    numbers. `name` is what the message calls them.
    """
    table = np.asarray(scores, float)
    if table.ndim < 2:
        raise ValueError(
            f"{name} has the shape {table.shape}; it needs the axes `run task`. Scores of "
            "runs in one task are scores[:, None], and scores of one run in tasks are scores[None]."
        )
    for axis, what in ((-2, "runs"), (-1, "tasks")):
        if not table.shape[axis]:
            raise ValueError(f"{name} has no {what}: its shape is {table.shape}.")
    if not np.isfinite(table).all():
        *_, run, task = np.argwhere(~np.isfinite(table))[0].tolist()
        raise ValueError(
            f"{name} is {table[~np.isfinite(table)][0]} at run {run}, task {task}; every score "
            "must be a finite number. Leave out the task, or measure it for this run."
        )
    return table


def check_several_runs(num_runs: int, name: str = "scores") -> None:
    """Raises `ValueError` for a single run, which says nothing about how much runs differ."""
    if num_runs < 2:
        raise ValueError(
            f"{name} has one run, and one run has no interval: how much runs differ is seen in "
            "several. Train more seeds, or report the number alone and say that it is of one seed."
        )


def check_confidence(confidence: float) -> None:
    """Raises `ValueError` for a confidence that is not between 0 and 1, both left out."""
    if not (math.isfinite(confidence) and 0 < confidence < 1):
        raise ValueError(
            f"confidence is {confidence}; it must be above 0 and below 1, such as 0.95."
        )
