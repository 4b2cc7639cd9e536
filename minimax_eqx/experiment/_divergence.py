"""Whether what is trained is still made of numbers."""

import pathlib
from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np

from ..agents import Agent
from ..runners import Runner
from ._hooks import Event, Progressed, Saved, Started

# What a learner measures of itself, alone or with its name and `_` before it.
MEASURES = ("loss", "grad_norm")


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved before is still there."""


class Watch:
    """A hook that looks after every learner: the students, a teacher, whatever else there is.

    A loss or gradient norm is finite where it was measured. NaN is what was not measured; where a
    learner learned, it was. Raises `TrainingError` if one is not finite.
    """

    def __init__(self, path: pathlib.Path, saved: int | None):
        self._path = path
        self._saved = saved
        self._num_updates: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Saved):
            self._saved = event.cycle
        elif isinstance(event, Started):
            self._num_updates = _num_updates(event.runner)
        elif isinstance(event, Progressed):
            before, self._num_updates = self._num_updates, _num_updates(event.runner)
            learned = {name: after - before[name] for name, after in self._num_updates.items()}
            self._look(event.runner, event.metrics, learned)

    def check_state(self, runner: Runner) -> None:
        """Raises `TrainingError` if an array must not be saved: all of a learner's numbers are
        finite; elsewhere, in a level buffer for example, only NaN means nothing.
        """
        learners = _learners(runner)
        for path, leaf in jax.tree_util.tree_leaves_with_path(runner):
            if not eqx.is_inexact_array(leaf):
                continue
            place = jax.tree_util.keystr(path)
            learner = next(
                (name for start, (name, _) in learners.items() if _in(place, start)), None
            )
            values = np.asarray(leaf)
            good = np.isfinite(values) if learner is not None else ~np.isnan(values)
            if not good.all():
                fault = "is not finite" if learner is not None else "is not a number"
                when = f"Update {_updates_of_students(runner)}"
                self._stop(when, f"{place.removeprefix('.')} {fault}", learner)

    def _look(
        self, runner: Runner, metrics: Mapping[str, np.ndarray], learned: Mapping[str, int]
    ) -> None:
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
                later = metrics["updated"][first + 1 :]
                when = f"Cycle {int(runner.num_cycles) - len(later)}"
                if learner == "":
                    when = f"Update {_updates_of_students(runner) - int((later > 0).sum())}"
                self._stop(when, f"{name} is {values[first]}", learner)

    def _stop(self, when: str, what: str, learner: str | None) -> None:
        rest = "No checkpoint had been saved yet."
        if self._saved is not None:
            rest = f"The checkpoint of cycle {self._saved} in {self._path} is the last good one."
        advice = "No option is known that would help: look at what computes it."
        if learner is not None:
            who = learner or "students"
            advice = f"A lower learning_rate or max_grad_norm of the {who} may help."
        raise TrainingError(f"{when}: {what}, so training stopped. {rest} {advice}")


def _nan_where_it_learned(values: np.ndarray, num_updates: int) -> np.ndarray:
    """Which values are NaN though there was an update; as far as that can be told from how many
    updates there were in all of these cycles."""
    nan = np.isnan(values)
    always = num_updates == len(values)
    return nan & (always or (num_updates > 0 and nan.all()))


def _updates_of_students(runner: Runner) -> int:
    return int(np.asarray(runner.students.num_updates).max())


def _is_measure(name: str) -> bool:
    return any(name == measure or name.endswith(f"_{measure}") for measure in MEASURES)


def _in(place: str, start: str) -> bool:
    return place.startswith(start) and place[len(start) :][:1] in ("", ".", "[")


def _learners(runner: Runner) -> dict[str, tuple[str, Agent]]:
    """Every agent in a runner by its place, with its name in metrics: "" for the students."""
    found = {}
    for path, node in jax.tree_util.tree_leaves_with_path(
        runner, is_leaf=lambda node: isinstance(node, Agent)
    ):
        if isinstance(node, Agent):
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
