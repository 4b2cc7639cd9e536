"""The share of a run that is over, which parts may follow."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from .._types import PyTree
from .._xla._mesh import replicate
from ..agents._annealing import OverRun, OverSteps
from ._experiment import Experiment
from ._runner import Runner


def at_share(runner: Runner, share: float | Float[np.ndarray, " member"]) -> Runner:
    """The same runner, in which each `OverRun` of its experiment has this share of the run behind
    it; of stacked runners, an array gives each member its own.

    `train` does it between log intervals. You need it where you call `run` yourself, for example
    `runner, metrics = run(at_share(runner, done / total), 10)`. The two share all other memory.

    Raises `ValueError` for a share that is not between 0 and 1.
    """
    values = np.asarray(share, np.float32)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"at_share: share is {share}; it must be between 0 and 1.")

    def with_share(node):
        if not _is_over_run(node):
            return node
        own = jax.numpy.asarray(np.broadcast_to(values, node.share.shape))
        on_mesh = runner.mesh is not None
        own = replicate(own, runner.mesh) if on_mesh else jax.device_put(own, node.share.sharding)
        return eqx.tree_at(lambda part: part.share, node, own)

    return jax.tree.map(with_share, runner, is_leaf=_is_over_run)


def follows_run(tree: PyTree) -> bool:
    """Whether anything in it follows the share of the run that is over."""
    return any(map(_is_over_run, jax.tree.leaves(tree, is_leaf=_is_over_run)))


def within_budget(experiment: Experiment) -> Experiment:
    """The experiment as it is trained: with a budget, what anneals over steps does so over the run
    instead."""

    def is_over_steps(node):
        return isinstance(node, OverSteps)

    if experiment.schedule.budget is None:
        return experiment
    return jax.tree.map(
        lambda node: OverRun() if is_over_steps(node) else node, experiment, is_leaf=is_over_steps
    )


def _is_over_run(node: Any) -> bool:
    return isinstance(node, OverRun)
