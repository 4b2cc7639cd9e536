"""What in a runner is no number any more, and whose it is."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np

from ..agents import Agent
from ..scores import AbstractScore
from ._runner import Runner

# What a learner measures of itself, alone or with its name and `_` before it.
MEASURES = ("loss", "grad_norm")
# What a curriculum measures of its score.
NOT_SCORED = "not_scored"


@dataclasses.dataclass(frozen=True)
class Divergence:
    """Something that is no number any more."""

    what: str
    """With the update or cycle that it happened in."""
    advice: str
    """What may help, as a sentence."""


def divergence_of_metrics(
    runner: Runner, metrics: Mapping[str, np.ndarray], learned: Mapping[str, int]
) -> Divergence | None:
    """What went wrong first, in the cycles that led to this runner: a measure that is not finite,
    or a level without a score.

    NaN is what was not measured; where a learner learned, it was. `metrics` have an axis `cycle`,
    and `learned` says how often each learner besides the students did.
    """
    found: dict[str, int] = {}
    if np.any(failed := metrics.get(NOT_SCORED, np.zeros(0)) > 0):
        found[NOT_SCORED] = int(np.argmax(failed))
    for name in sorted(metrics):
        if not any(name == measure or name.endswith(f"_{measure}") for measure in MEASURES):
            continue
        values, learner = metrics[name], _learner_of(name, learned)
        if learner == "":
            bad = ~np.isfinite(values) & (metrics["updated"] > 0)
        else:
            bad = np.isinf(values)
            if learner is not None and name.removeprefix(f"{learner}_") in MEASURES:
                # As far as the number of updates in all of these cycles tells.
                nan, count = np.isnan(values), learned[learner]
                bad |= nan & (count == len(values) or (count > 0 and nan.all()))
        if bad.any():
            found[name] = int(np.argmax(bad))
    if not found:
        return None
    # Of several in one cycle the first: a teacher that is paid a score that is none fails with it.
    name = min(found, key=lambda name: found[name])
    value, learner = metrics[name][found[name]], _learner_of(name, learned)
    later = metrics["updated"][found[name] + 1 :]
    when = f"Cycle {int(runner.num_cycles) - len(later)}"
    if name == NOT_SCORED:
        return Divergence(
            f"{when}: {_score_of(runner)} of {value:.0%} of the levels is NaN or infinity",
            "Let your score be finite wherever an episode ended, for example 0, or minus infinity "
            "for a level that is not to be kept.",
        )
    if learner == "":
        later_updates = int((later > 0).sum()) * runner.experiment.rollouts_per_play
        when = f"Update {_updates_of_students(runner) - later_updates}"
    return Divergence(f"{when}: {name} is {value}", _advice_for(learner))


def divergence_of_state(runner: Runner) -> Divergence | None:
    """An array that must not be saved. All numbers of a learner are finite; elsewhere infinity may
    mean something, as the score of a level that was never scored."""
    places = {place: name for place, (name, _) in _learners(runner).items()}
    for path, leaf in jax.tree_util.tree_leaves_with_path(runner):
        if not eqx.is_inexact_array(leaf):
            continue
        name, values = jax.tree_util.keystr(path), np.asarray(leaf)
        learner = next((who for place, who in places.items() if name.startswith(f"{place}.")), None)
        good = np.isfinite(values) if learner is not None else ~np.isnan(values)
        if not good.all():
            fault = "is not finite" if learner is not None else "is not a number"
            when = f"Update {_updates_of_students(runner)}"
            return Divergence(f"{when}: {name.removeprefix('.')} {fault}", _advice_for(learner))
    return None


def updates_of_learners(runner: Runner) -> dict[str, int]:
    """The updates that the learners besides the students have made, by name; those that share a
    name are left out, since nothing says which of them a metric is of."""
    agents = [(name, agent) for name, agent in _learners(runner).values() if name]
    names = [name for name, _ in agents]
    return {
        name: int(np.asarray(agent.num_updates).max())
        for name, agent in agents
        if names.count(name) == 1
    }


def _score_of(runner: Runner) -> str:
    """The curriculum's score with its class, unless it has several or none that can be found."""
    found = [
        type(node).__name__
        for path, node in jax.tree_util.tree_leaves_with_path(
            runner.experiment.curriculum, is_leaf=lambda node: isinstance(node, AbstractScore)
        )
        if isinstance(node, AbstractScore) and path[-1] == jax.tree_util.GetAttrKey("score")
    ]
    return f"the score {found[0]}" if len(found) == 1 else "the score"


def _learner_of(name: str, learned: Mapping[str, int]) -> str | None:
    """Whose a measure is, by the name in metrics: "" is the students, and None is nobody's."""
    if name in MEASURES:
        return ""
    return next((learner for learner in learned if name.startswith(f"{learner}_")), None)


def _advice_for(learner: str | None) -> str:
    if learner is None:
        return "No option is known that would help: look at what computes it."
    return f"A lower learning_rate or max_grad_norm of the {learner or 'students'} may help."


def _updates_of_students(runner: Runner) -> int:
    return int(np.asarray(runner.students.num_updates).max())


def _learners(runner: Runner) -> dict[str, tuple[str, Agent]]:
    """Every agent in a runner by its place, with its name in metrics."""
    found = {}
    for path, node in jax.tree_util.tree_leaves_with_path(
        runner, is_leaf=lambda node: isinstance(node, Agent)
    ):
        if isinstance(node, Agent):
            place = jax.tree_util.keystr(path)
            names = [key.name for key in path if isinstance(key, jax.tree_util.GetAttrKey)]
            found[place] = ("" if place == ".students" else names[-1], node)
    return found
