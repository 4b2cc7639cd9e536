"""The structure of a level, where a state has to remember it."""

from typing import Any

import equinox as eqx
import jax

from .._types import PyTree


class LevelSpec(eqx.Module):
    """Shapes and dtypes of one level. It holds no arrays, and is part of the compiled program.

    A generator that samples needs to know what levels look like, so the state of what samples
    keeps this. A curriculum of yours makes it in `init`, as `LevelSpec.of(evidence.level_spec())`,
    and gives its `level` to `AbstractLevelGenerator.sample`.
    """

    leaves: tuple[jax.ShapeDtypeStruct, ...] = eqx.field(static=True)
    """The shape and dtype of each array of a level."""
    structure: Any = eqx.field(static=True)
    """How they make up a level."""

    @classmethod
    def of(cls, level: PyTree[jax.ShapeDtypeStruct]) -> "LevelSpec":
        """To be remembered."""
        leaves, structure = jax.tree.flatten(level)
        return cls(tuple(leaves), structure)

    @property
    def level(self) -> PyTree[jax.ShapeDtypeStruct]:
        """What was remembered."""
        return jax.tree.unflatten(self.structure, self.leaves)

    def __reduce__(self) -> tuple[Any, ...]:
        # A structure of Equinox modules that was pickled itself is not equal to the one it was.
        return _remembered, (self.level,)


def _remembered(level: PyTree[jax.ShapeDtypeStruct]) -> LevelSpec:
    return LevelSpec.of(level)
