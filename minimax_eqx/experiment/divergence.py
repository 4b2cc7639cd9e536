"""Whether what is trained is still made of numbers."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from ..agents import AbstractAgent
from ..runners import Runner

# What a learner measures of itself, alone or with its name and `_` before it.
MEASURES = ("loss", "grad_norm")


@dataclasses.dataclass(frozen=True)
class Divergence:
    """Something that is no number any more."""

    when: str
    what: str
    # The learner that it happened to: a prefix of its options, empty for the students.
    learner: str | None


class Watch:
    """Looks after every learner in a runner: the students, a teacher, whatever else there is."""

    def __init__(self, runner: Runner):
        self._num_updates = _num_updates(runner)

    def look(
        self, runner: Runner, metrics: Mapping[str, Float[np.ndarray, " cycle"]]
    ) -> Divergence | None:
        """What went wrong in the cycles that led to this runner; None if nothing did.

        A loss or gradient norm is finite where it was measured. NaN is what was not measured; where
        a learner learned, it was.
        """
        before, self._num_updates = self._num_updates, _num_updates(runner)
        updated = metrics["updated"] > 0
        for name in sorted(filter(_is_measure, metrics)):
            values = metrics[name]
            if name in MEASURES:
                bad, when = updated & ~np.isfinite(values), "Update"
                number = int(np.asarray(runner.students.num_updates).max())
                number -= int(updated[int(np.argmax(bad)) + 1 :].sum())
                learner = ""
            else:
                bad, when = np.isinf(values), "Cycle"
                learner = next((n for n in self._num_updates if name.startswith(f"{n}_")), None)
                if learner is not None:
                    learned = self._num_updates[learner] - before[learner]
                    if learned == len(values) or (learned > 0 and np.isnan(values).all()):
                        bad |= np.isnan(values)
                number = int(runner.num_cycles) - len(values) + 1 + int(np.argmax(bad))
            if bad.any():
                what = f"{name} is {values[int(np.argmax(bad))]}"
                return Divergence(f"{when} {number}", what, learner)
        return None


def divergence_of_state(runner: Runner) -> Divergence | None:
    """An array of a runner that must not be saved; None if all of them may be.

    All of a learner's numbers are finite. Elsewhere, in a level buffer for example, infinity means
    something, and NaN does not.
    """
    learners = _learners(runner)
    for path, leaf in jax.tree_util.tree_leaves_with_path(runner):
        if not eqx.is_inexact_array(leaf):
            continue
        place = jax.tree_util.keystr(path)
        learner = next((name for start, (name, _) in learners.items() if _in(place, start)), None)
        values = np.asarray(leaf)
        good = np.isfinite(values) if learner is not None else ~np.isnan(values)
        if not good.all():
            fault = "is not finite" if learner is not None else "is not a number"
            updates = int(np.asarray(runner.students.num_updates).max())
            return Divergence(f"Update {updates}", f"{place.removeprefix('.')} {fault}", learner)
    return None


def _is_measure(name: str) -> bool:
    return any(name == measure or name.endswith(f"_{measure}") for measure in MEASURES)


def _in(place: str, start: str) -> bool:
    return place.startswith(start) and place[len(start) :][:1] in ("", ".", "[")


def _learners(tree: PyTree) -> dict[str, tuple[str, AbstractAgent]]:
    """Every agent in a runner by its place, with its name in metrics and options."""
    found = {}
    for path, node in jax.tree_util.tree_leaves_with_path(
        tree, is_leaf=lambda node: isinstance(node, AbstractAgent)
    ):
        if isinstance(node, AbstractAgent):
            place = jax.tree_util.keystr(path)
            names = [key.name for key in path if isinstance(key, jax.tree_util.GetAttrKey)]
            found[place] = ("" if place == ".students" else names[-1], node)
    return found


def _num_updates(runner: Runner) -> dict[str, int]:
    """The updates that the learners besides the students have made, by name; those that share a
    name are left out, since nothing says which of them a metric is of."""
    agents = [(name, agent) for name, agent in _learners(runner).values() if name]
    names = [name for name, _ in agents]
    return {
        name: int(np.asarray(agent.num_updates).max())
        for name, agent in agents
        if names.count(name) == 1
    }
