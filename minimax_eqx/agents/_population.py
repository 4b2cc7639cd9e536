"""Several agents as one module."""

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._types import PyTree
from ..envs._actions import AbstractActionSpec
from ._agent import AbstractLearner, Agent


def population(
    learner: AbstractLearner,
    num_students: int,
    observation: PyTree[jax.ShapeDtypeStruct],
    actions: AbstractActionSpec,
    *,
    key: Key[Array, ""],
) -> Agent:
    """Makes `num_students` agents with `learner.init`: one module, leading axis `student`.

    Each has its own parameters. Raises `ValueError` if `num_students` is less than 1, and whatever
    `learner.init` raises.
    """
    if num_students < 1:
        raise ValueError(f"num_students is {num_students}; a population has at least 1.")
    return eqx.filter_vmap(lambda key: learner.init(observation, actions, key=key))(
        jax.random.split(key, num_students)
    )


def over_students(function: Callable[..., PyTree], students: Agent, *args: PyTree) -> PyTree:
    """Calls `function(student, *args)` for each student; all arguments have a leading student axis.

    A population of one is called without `jax.vmap`, which would turn every conditional inside
    into both of its branches.
    """
    if students.num_updates.shape == (1,):
        first = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, (students, *args))
        return jax.tree.map(lambda x: x[None] if eqx.is_array(x) else x, function(*first))
    return eqx.filter_vmap(function)(students, *args)
