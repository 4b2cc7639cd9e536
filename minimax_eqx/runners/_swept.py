"""The settings in which stacked runners differ: what a sweep is about, and a tournament changes."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey, keystr, tree_leaves_with_path

from .._types import PyTree
from ._arrays import as_arrays
from ._experiment import Experiment
from ._members import num_members
from ._runner import Runner
from ._schedule import Evaluation, Schedule

# Beyond this factor from where a setting is, it counts as unbounded.
FAR = 1e6
BISECTIONS = 60


class Setting(NamedTuple):
    """A float of an experiment that differs among members, and the range that its part allows."""

    name: str
    """Its path, such as `student.optimiser.learning_rate`."""
    low: float
    """The least value that its part allows, as far as factors lead there."""
    high: float
    """The greatest value that its part allows, or infinity."""


def swept_settings(runners: Runner) -> tuple[Setting, ...]:
    """The floats of the experiment in which stacked runners differ, each with its range.

    The range is found by making the part with other values, so it is what the part itself allows.
    Raises `ValueError` if they are not stacked members.
    """
    num_members(runners)
    return _settings_of(runners.experiment)


def settings_among(experiments: Sequence[Experiment]) -> tuple[Setting, ...]:
    """The same for the runners that experiments will make."""
    # What runs on disk do on their way is no part of what is trained.
    rest = {"schedule": Schedule(), "evaluation": Evaluation()}
    bare = [dataclasses.replace(experiment, **rest) for experiment in experiments]
    stack = lambda x, *others: jnp.stack([x, *others]) if eqx.is_array(x) else x  # noqa: E731
    return _settings_of(jax.tree.map(stack, *map(as_arrays, bare)))


def _settings_of(stacked: Experiment) -> tuple[Setting, ...]:
    experiment = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, stacked)
    found = []
    for path, leaf in _floats(stacked):
        values = np.asarray(leaf)
        if (values != values[0]).any():
            low, high = values.min().item(), values.max().item()
            least, most = (_limits(experiment, path, end) for end in (low, high))
            found.append(Setting(name_of(path), min(least), max(most)))
    return tuple(found)


def values_of(runners: Runner, settings: tuple[Setting, ...]) -> dict[str, jax.Array]:
    """What each member has for these settings."""
    names = [setting.name for setting in settings]
    floats = {name_of(path): leaf for path, leaf in _floats(runners.experiment)}
    return {name: floats[name] for name in names}


def with_values(runners: Runner, values: dict[str, jax.Array]) -> Runner:
    """The same runners with other values for some settings."""

    def replace(path, leaf):
        return values.get(name_of(path), leaf)

    experiment = jax.tree_util.tree_map_with_path(replace, runners.experiment)
    # Not `replace`, which would have the runner check that it is one.
    return eqx.tree_at(lambda runners: runners.experiment, runners, experiment)


def name_of(path: Any) -> str:
    """The path of a field, as its option has it."""
    return keystr(path, simple=True, separator=".")


def _floats(experiment: Experiment) -> list[tuple[Any, jax.Array]]:
    """The fields with one float for each member."""
    return [
        (path, leaf)
        for path, leaf in tree_leaves_with_path(experiment)
        if eqx.is_array(leaf) and leaf.ndim == 1 and jnp.issubdtype(leaf.dtype, jnp.floating)
    ]


def _limits(experiment: Experiment, path: Any, value: float) -> tuple[float, float]:
    """How far a valid value may be made smaller and larger by factors, in the order of size."""
    towards = _last_valid(experiment, path, value, value / FAR)
    away = _last_valid(experiment, path, value, value * FAR)
    if away == value * FAR:
        away = math.copysign(math.inf, value)
    return (towards, away) if value >= 0 else (away, towards)


def _last_valid(experiment: Experiment, path: Any, good: float, far: float) -> float:
    """The last valid value on the way from one that is."""
    if _is_valid(experiment, path, far):
        return far
    bad = far
    for _ in range(BISECTIONS):
        middle = (good + bad) / 2
        if _is_valid(experiment, path, middle):
            good = middle
        else:
            bad = middle
    return good


def _is_valid(experiment: Experiment, path: Any, value: float) -> bool:
    try:
        _replaced(experiment, path, value)
    except ValueError:
        return False
    return True


def _replaced(node: PyTree, path: Any, value: float) -> PyTree:
    """A composition made anew with another value, so that every part checks its ranges."""
    if not path:
        return value
    first, *rest = path
    if isinstance(first, GetAttrKey):
        own = _replaced(getattr(node, first.name), rest, value)
        return dataclasses.replace(node, **{first.name: own})
    items: Any = dict(node) if isinstance(node, dict) else list(node)
    place = getattr(first, "key", getattr(first, "idx", None))
    items[place] = _replaced(node[place], rest, value)
    return items if isinstance(node, dict) else type(node)(items)
