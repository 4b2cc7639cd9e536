"""Which of the levels that were replayed are edited."""

import abc
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least

# Pyright takes Equinox's name for a field, and would ask for it whenever parents are made.
if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractParents(eqx.Module):
    """Chooses the parents of the next mutants among the levels of a cycle."""

    leaves_some_out: AbstractClassVar[bool]
    """Whether it prefers some levels, so that there is no use for it where none is edited."""

    @abc.abstractmethod
    def choose(self, scores: Float[Array, " level"]) -> Int[Array, " level"]:
        """The place of each mutant's parent in the batch; there are as many mutants as levels.

        `scores` are those of the batch, minus infinity where nobody finished an episode. Raise
        `ValueError` here if you can't choose among that many levels. Level replay calls it once
        with shapes alone when a runner is made, and then in each cycle that makes mutants.
        """


class WholeBatch(AbstractParents):
    """Every replayed level is edited once."""

    leaves_some_out = False

    def choose(self, scores: Float[Array, " level"]) -> Int[Array, " level"]:
        return jnp.arange(scores.size, dtype=jnp.int32)


class Easiest(AbstractParents):
    """The replayed levels with the lowest scores are edited, each several times."""

    num_parents: int = 4
    """How many of the replayed levels are edited."""
    leaves_some_out = True

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_parents")

    def choose(self, scores: Float[Array, " level"]) -> Int[Array, " level"]:
        # A level without a score is chosen last.
        order = jnp.argsort(jnp.where(scores > -jnp.inf, scores, jnp.inf))
        return _in_turn(self, order, self.num_parents)


class Hardest(AbstractParents):
    """The replayed levels with the highest scores are edited, each several times."""

    num_parents: int = 4
    """How many of the replayed levels are edited."""
    leaves_some_out = True

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_parents")

    def choose(self, scores: Float[Array, " level"]) -> Int[Array, " level"]:
        return _in_turn(self, jnp.argsort(-scores), self.num_parents)


def _in_turn(
    parents: AbstractParents, order: Int[Array, " level"], num_parents: int
) -> Int[Array, " level"]:
    if num_parents > order.size:
        raise ValueError(
            f"{type(parents).__name__}.num_parents is {num_parents}; it must be at most the number "
            f"of levels replayed at once, {order.size}."
        )
    return order[jnp.arange(order.size, dtype=jnp.int32) % num_parents]
