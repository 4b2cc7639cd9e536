"""How likely one method is better than another."""

import numpy as np
from jaxtyping import Array, Real

from ._scores import Aggregate, Scores, checked_scores


def probability_of_improvement(
    scores: Scores,
    others: Real[np.ndarray, "*batch other task"] | Real[Array, "*batch other task"],
) -> Aggregate:
    """The probability that a run of one method has a higher score than a run of another.

    Over all pairs of a run of `scores` and a run of `others`, a tie counting one half, this is
    `U / (n m)` of the Mann-Whitney test; then comes the mean over tasks, which both have in the
    same order. It does not say by how much: a method that is a little better in every run has 1.

    `bootstrap(probability_of_improvement, scores, others)` gives its interval. One that holds 0.5
    says that these runs do not tell which method is better.

    Raises `ValueError` for tables of different tasks, and for what `mean` refuses.
    """
    own, other = checked_scores(scores), checked_scores(others, "others")
    if own.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"scores has {own.shape[-1]} tasks and others has {other.shape[-1]}; both must have "
            "the same tasks, in the same order."
        )
    mine, theirs = own[..., :, None, :], other[..., None, :, :]
    return ((mine > theirs) + 0.5 * (mine == theirs)).mean(axis=(-3, -2, -1))
