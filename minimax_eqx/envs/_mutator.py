"""Small random edits of levels, and how they combine."""

import abc
from collections.abc import Callable
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._ranges import check_at_least
from .._types import Level


class AbstractLevelMutator(eqx.Module, Generic[Level]):
    """Makes new levels by small random edits of old ones, as ACCEL does (arXiv 2203.01302).

    Written for one level; batches come from `jax.vmap`. A mutator keeps the structure, shapes and
    dtypes of a level.
    """

    @abc.abstractmethod
    def mutate(self, level: Level, *, key: Key[Array, ""]) -> Level:
        """Makes a level from its parent. The two may be equal."""


class NoEdit(AbstractLevelMutator[Level], Generic[Level]):
    """Leaves every level as it is; one of the choices in ACCEL's edits."""

    def mutate(self, level: Level, *, key: Key[Array, ""]) -> Level:
        del key
        return level


class OneOf(AbstractLevelMutator[Level], Generic[Level]):
    """Applies one of several mutators, all with the same chance.

    Under `jax.vmap` all of them are computed and one result is kept.

    Raises `ValueError` if `mutators` is empty.
    """

    mutators: tuple[AbstractLevelMutator[Level], ...]
    """The mutators to choose from; at least one."""

    def __check_init__(self) -> None:
        if len(self.mutators) == 0:
            raise ValueError("OneOf.mutators is (); it must hold at least 1 mutator.")

    def mutate(self, level: Level, *, key: Key[Array, ""]) -> Level:
        choice_key, edit_key = jax.random.split(key)
        # The remainder is uneven by less than len(mutators) / 2^32, and compiles in half the time
        # of `randint`, which would draw twice.
        drawn = jax.random.bits(choice_key, dtype=jnp.uint32)
        choice = (drawn % jnp.uint32(len(self.mutators))).astype(jnp.int32)
        # Only one of them counts, so they may share a key; XLA then merges equal draws.
        edits = [_edit_with(mutator, edit_key) for mutator in self.mutators]
        return jax.lax.switch(choice, edits, level)


class Repeated(AbstractLevelMutator[Level], Generic[Level]):
    """Applies a mutator `num_edits` times, each time to the last result and with new randomness.

    With 0 edits a level stays as it is. Raises `ValueError` if `num_edits` is negative.
    """

    mutator: AbstractLevelMutator[Level]
    """What makes one edit."""

    num_edits: int
    """Edits in sequence; with 0 a level stays as it is."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: Level, *, key: Key[Array, ""]) -> Level:
        if self.num_edits == 0:
            return level

        def edit(level, key):
            return self.mutator.mutate(level, key=key), None

        return jax.lax.scan(edit, level, jax.random.split(key, self.num_edits))[0]


def _edit_with(
    mutator: AbstractLevelMutator[Level], key: Key[Array, ""]
) -> Callable[[Level], Level]:
    return lambda level: mutator.mutate(level, key=key)
