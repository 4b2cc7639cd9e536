"""Success that is told from an episode's return, where the experiment says from which on."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts import Evidence
from ..rollouts._evaluation import EpisodeResults
from ._experiment import Experiment


def judge_plays(experiment: Experiment, evidence: Evidence) -> Evidence:
    """The evidence with its outcomes by return, if the experiment has a `success_return`.

    Evidence must begin with episodes: of the later rollouts of a play alone, an episode that began
    before is judged by what it returned since.
    """
    if experiment.success_return is None:
        return evidence
    enough = _returns_so_far(evidence) >= experiment.success_return
    return dataclasses.replace(evidence, outcomes=evidence.dones & enough)


def judge_results(experiment: Experiment, results: EpisodeResults) -> EpisodeResults:
    """Results of an evaluation with successes by return, if there is a `success_return`."""
    if experiment.success_return is None:
        return results
    return dataclasses.replace(results, successes=results.returns >= experiment.success_return)


def _returns_so_far(evidence: Evidence) -> Float[Array, "student time level trial"]:
    """What each step's episode has paid up to it."""

    def add(total, inputs):
        reward, done = inputs
        total = total + reward
        return jnp.where(done, 0, total), total

    by_time = [jnp.moveaxis(leaf, 1, 0) for leaf in (evidence.rewards, evidence.dones)]
    nothing = jnp.zeros_like(by_time[0][0])
    return jnp.moveaxis(jax.lax.scan(add, nothing, tuple(by_time))[1], 0, 1)
