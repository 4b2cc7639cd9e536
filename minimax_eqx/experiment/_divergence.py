"""Whether what is trained is still made of numbers."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np

from .._types import PyTree
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

    def look(self, runner: Runner, metrics: Mapping[str, np.ndarray]) -> Divergence | None:
        """What went wrong in the cycles that led to this runner; None if nothing did. Metrics are
        those of `run`, with an axis `cycle`.

        A loss or gradient norm is finite where it was measured. NaN is what was not measured; where
        a learner learned, it was.
        """
        before, self._num_updates = self._num_updates, _num_updates(runner)
        learned = {name: after - before[name] for name, after in self._num_updates.items()}
        for name in sorted(filter(_is_measure, metrics)):
            values = metrics[name]
            if name in MEASURES:
                learner, bad = "", ~np.isfinite(values) & (metrics["updated"] > 0)
            else:
                learner = next((n for n in learned if name.startswith(f"{n}_")), None)
                bad = np.isinf(values)
                if learner is not None and name.removeprefix(f"{learner}_") in MEASURES:
                    bad |= _nan_where_it_learned(values, learned[learner])
            if bad.any():
                first = int(np.argmax(bad))
                when = _when(runner, metrics["updated"], first, of_students=learner == "")
                return Divergence(when, f"{name} is {values[first]}", learner)
        return None


def _nan_where_it_learned(values: np.ndarray, num_updates: int) -> np.ndarray:
    """Which values are NaN though there was an update; as far as that can be told from how many
    updates there were in all of these cycles."""
    nan = np.isnan(values)
    always = num_updates == len(values)
    return nan & (always or (num_updates > 0 and nan.all()))


def _when(runner: Runner, updated: np.ndarray, index: int, *, of_students: bool) -> str:
    """What to call a cycle of those that led to this runner."""
    later = updated[index + 1 :]
    if of_students:
        return f"Update {_updates_of_students(runner) - int((later > 0).sum())}"
    return f"Cycle {int(runner.num_cycles) - len(later)}"


def _updates_of_students(runner: Runner) -> int:
    return int(np.asarray(runner.students.num_updates).max())


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
            when = f"Update {_updates_of_students(runner)}"
            return Divergence(when, f"{place.removeprefix('.')} {fault}", learner)
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
