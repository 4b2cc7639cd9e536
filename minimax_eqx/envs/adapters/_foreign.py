"""What adapters share: types that JAX keeps, and the two kinds of levels of other packages."""

import abc
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..._types import Observation, PyTree, State, World
from .._env import AbstractEnv
from ..boxes._env import AbstractBoxEnv
from ..boxes._parameters import Parameter

_DTYPES = {bool: jnp.bool_, int: jnp.int32, float: jnp.float32}


def strong(tree: PyTree) -> PyTree:
    """The same tree of arrays, without Python numbers and without weak types.

    Packages begin with `time=0` or `reward=0.0` and go on with arrays, or with arrays of weak
    types, which JAX takes for another type: what is compiled for the first state then does not fit
    the next. Apply it to every level, state and observation that comes from the package. Whole
    numbers become int32, others float32, truth values bool; arrays keep their dtype.
    """
    return jax.tree.map(_strong, tree)


def _strong(leaf: PyTree) -> PyTree:
    if type(leaf) in _DTYPES:
        return jnp.asarray(leaf, _DTYPES[type(leaf)])
    is_array = isinstance(leaf, jax.Array | np.ndarray | np.generic)
    if not is_array or jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return leaf
    return jnp.asarray(leaf, jax.dtypes.canonicalize_dtype(leaf.dtype))


def with_dtypes_of(tree: PyTree, example: PyTree) -> PyTree:
    """The same tree with the dtypes of another one of its structure, for packages whose steps turn
    a uint8 into an int32, for example."""
    return jax.tree.map(lambda leaf, like: jnp.asarray(leaf, like.dtype), tree, example)


class AbstractStartState(
    AbstractEnv[State, State, State, Observation], Generic[State, Observation]
):
    """An environment of another package whose levels are start states of it.

    You write `example`, `with_key`, and what any environment needs but this one has: `step`,
    `observe`, `action_spec`, `level_metrics` and `max_episode_steps`. An episode begins in its
    level, with a key of its own where the package keeps one in the state. Pass every state that
    comes from the package through `strong`, and never reset inside `step`.
    """

    @abc.abstractmethod
    def example(self, *, key: Key[Array, ""]) -> State:
        """Any start state of the package; shapes and types of levels are read off it.

        Called by `level_spec`, which traces it and computes nothing.
        """

    @abc.abstractmethod
    def with_key(self, level: State, *, key: Key[Array, ""]) -> State:
        """The level with the key of an episode in it: `level.replace(key=jax.random.key_data(key))`
        where the package wants raw keys, or just `level` where it keeps none.

        Called at the start of every episode. Change nothing else: the level is what is played.
        """

    def load(self, level: State) -> State:
        return level

    def reset(self, world: State, *, key: Key[Array, ""]) -> State:
        return self.with_key(world, key=key)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.eval_shape(lambda key: strong(self.example(key=key)), _key_spec())

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        level = self.level_spec()
        return jax.eval_shape(self.observe, level, level)


class AbstractParameters(
    AbstractBoxEnv[World, State, Observation], Generic[World, State, Observation]
):
    """An environment of another package some of whose numbers are the level.

    You write `numbers`, and `load`, which puts the level's numbers in their place: `level["mass"]`
    is one of them. The rest is as for any environment, but `parameters`, `level_spec` and
    `level_metrics` are written already.

    Raises `ValueError` for a number that the package does not have, and for a range that is not
    one.
    """

    varied: eqx.AbstractVar[tuple[tuple[str, float, float], ...]]
    """The numbers that differ between levels, each with its lowest and its highest value."""

    @abc.abstractmethod
    def numbers(self) -> dict[str, float]:
        """Every number that a level may decide, with the value that it has in the package.

        Called when the environment is made, to check `varied`.
        """

    def __check_init__(self) -> None:
        known, owner = ", ".join(self.numbers()), f"{type(self).__name__}.varied"
        if not known:
            raise ValueError(f"This world has no numbers that could be a level: {self}")
        if not self.varied:
            raise ValueError(
                f"{owner} is empty; give at least one of these a range, as in "
                f"(('length', 0.2, 1.0),): {known}."
            )
        for name, *_ in self.varied:
            if name not in self.numbers():
                raise ValueError(f"{owner} has {name!r}, which is not there. There are {known}.")
        _ = self.box

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(*bounds) for bounds in self.varied)


def _key_spec() -> jax.ShapeDtypeStruct:
    return jax.eval_shape(lambda: jax.random.key(0))
