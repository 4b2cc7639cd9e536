"""What an environment's actions are: one of several, one of several in each place, or numbers."""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from .._types import PyTree

Bound = float | tuple[float, ...]


class AbstractActionSpec(abc.ABC):
    """Says which actions an environment takes, and no more: how to choose one is the policy's part.

    An environment returns one from `action_spec`. A network reads it to find the distribution that
    its policy head needs, for example a categorical one for `Discrete`.

    A spec holds plain values. It compares equal to another of the same values, and can be hashed,
    so that a program compiled for one also serves an equal one.
    """

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> PyTree[Array]:
        """Draws one action at random, for players that have not learned anything."""

    @abc.abstractmethod
    def check(self, action: PyTree) -> None:
        """Raises `ValueError`, with the reason, if this is not an action.

        Where `action` is traced only its shape and dtype can be checked.
        """

    @abc.abstractmethod
    def examples(self) -> PyTree[Array]:
        """Actions that together show every choice there is; leading axis `action`.

        `check_env` plays each of them. For `Discrete` they are all actions, for `Box` its corners.
        """

    def struct(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and dtype of one action."""
        return jax.eval_shape(self.sample, jax.random.key(0))


@dataclasses.dataclass(frozen=True)
class Discrete(AbstractActionSpec):
    """One of `num_actions` choices, written as an int32 from 0.

    Some choices may be impossible in some states: with `masked=True` the environment's observation
    has a field `action_mask: Bool["num_actions"]`, true where a choice is possible. At least one of
    them must be. `sample` does not know the observation, so it ignores the mask.

    Raises `ValueError` if `num_actions` is less than 1.
    """

    num_actions: int
    """How many choices there are."""
    masked: bool = False
    """Whether the observation says which of them are possible."""

    def __post_init__(self) -> None:
        if not _is_count(self.num_actions):
            raise ValueError(
                f"Discrete.num_actions is {self.num_actions!r}; it must be an integer of at least "
                "1."
            )

    def sample(self, key: Key[Array, ""]) -> Int[Array, ""]:
        return jax.random.randint(key, (), 0, self.num_actions, jnp.int32)

    def check(self, action: Any) -> None:
        _check_array(self, action, (), jnp.int32)
        _check_values(self, action, 0, self.num_actions - 1)

    def examples(self) -> Int[Array, " action"]:
        return jnp.arange(self.num_actions, dtype=jnp.int32)


@dataclasses.dataclass(frozen=True)
class MultiDiscrete(AbstractActionSpec):
    """Several choices at once, written as an int32 vector: place `i` has `nums[i]` choices, from 0.

    Raises `ValueError` if there is no place, or a place without a choice.
    """

    nums: tuple[int, ...]
    """How many choices each place has."""

    def __post_init__(self) -> None:
        if len(self.nums) == 0 or not all(map(_is_count, self.nums)):
            raise ValueError(
                f"MultiDiscrete.nums is {self.nums!r}; it must hold at least one integer, and each "
                "must be at least 1."
            )

    def sample(self, key: Key[Array, ""]) -> Int[Array, " place"]:
        nums = jnp.array(self.nums, jnp.int32)
        return jax.random.randint(key, nums.shape, 0, nums, jnp.int32)

    def check(self, action: Any) -> None:
        _check_array(self, action, (len(self.nums),), jnp.int32)
        _check_values(self, action, 0, np.array(self.nums) - 1)

    def examples(self) -> Int[Array, "action place"]:
        """Every choice of each place, while the other places have choice 0."""
        rows = [
            [choice if place == other else 0 for other in range(len(self.nums))]
            for place, num_choices in enumerate(self.nums)
            for choice in range(num_choices)
        ]
        return jnp.array(rows, jnp.int32)


@dataclasses.dataclass(frozen=True)
class Box(AbstractActionSpec):
    """Numbers between bounds, which belong to the box, written as a float32 array.

    A bound is a float for all numbers, or, for a vector, a tuple with a float for each.

    Raises `ValueError` if a bound is not finite, is not below its upper bound, or does not fit the
    shape.
    """

    low: Bound
    """The lower bound."""
    high: Bound
    """The upper bound."""
    shape: tuple[int, ...] = ()
    """The shape of an action; the empty one is a single number."""

    def __post_init__(self) -> None:
        if not all(map(_is_count, self.shape)):
            raise ValueError(
                f"Box.shape is {self.shape!r}; each of its sizes must be an integer of at least 1."
            )
        for name in ("low", "high"):
            bound = getattr(self, name)
            if isinstance(bound, tuple) and self.shape != (len(bound),):
                raise ValueError(
                    f"Box.{name} has {len(bound)} numbers, but its shape is {self.shape}. Give one "
                    f"float for all numbers, or use shape=({len(bound)},)."
                )
        low, high = self.bounds()
        if not np.all(np.isfinite(low) & np.isfinite(high) & (low < high)):
            raise ValueError(
                f"Box has low={self.low} and high={self.high}; bounds must be finite, and each "
                "lower one below the upper one."
            )

    def bounds(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """The lower and the upper bound of each number, as float32 arrays of the box's shape."""
        low, high = (
            np.broadcast_to(np.asarray(bound, np.float32), self.shape)
            for bound in (self.low, self.high)
        )
        return low, high

    def sample(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        low, high = self.bounds()
        return jax.random.uniform(key, self.shape, jnp.float32, low, high)

    def check(self, action: Any) -> None:
        _check_array(self, action, self.shape, jnp.float32)
        _check_values(self, action, *self.bounds())

    def examples(self) -> Float[Array, "action ..."]:
        """All lower bounds, all upper bounds, and the middle between them."""
        low, high = self.bounds()
        return jnp.stack([low, high, low + (high - low) / 2])


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _check_array(spec: AbstractActionSpec, action: Any, shape: tuple[int, ...], dtype: Any) -> None:
    given = getattr(action, "shape", None), getattr(action, "dtype", type(action).__name__)
    if given != (shape, jnp.dtype(dtype)):
        raise ValueError(
            f"An action of {spec} is an array of shape {shape} and dtype {jnp.dtype(dtype)}; this "
            f"one has shape {given[0]} and dtype {given[1]}."
        )


def _check_values(spec: AbstractActionSpec, action: Any, low: Any, high: Any) -> None:
    if isinstance(action, Tracer):
        return
    values = np.asarray(action)
    if not np.all((values >= low) & (values <= high)):
        raise ValueError(
            f"{values} is no action of {spec}: it must be at least {low} and at most {high}."
        )
