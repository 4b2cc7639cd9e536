"""Levels of JaxNav, what is played of them, and how they are edited."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._mutator import AbstractLevelMutator, NoEdit, OneOf, Repeated
from ..maze._cells import only_cell
from ..maze._draws import random_cell

ROBOT_REACH = 0.36  # metres from the robot's middle to its corners, and a little more


class JaxNavLevel(eqx.Module):
    """A map, where the robot begins, and where it is to go.

    Cells are squares of one metre. Places are (x, y) in metres, so (1.5, 2.5) is the middle of the
    cell in column 1 and row 2. The map has its border of walls.
    """

    walls: Bool[Array, "*batch height width"]
    """True where a wall is."""
    position: Float[Array, "*batch 2"]
    """Where the robot begins."""
    direction: Float[Array, "*batch"]
    """Where it looks at first, in radians: 0 looks along x, and half a pi along y."""
    goal: Float[Array, "*batch 2"]
    """Where it is to go."""
    reward_weight: Float[Array, "*batch"]
    """How much of a shared reward counts: one robot sees it, and is not paid by it."""


class JaxNavState(eqx.Module):
    """The package's own state, and what the robot sees in it, which each step computes anyway."""

    package: PyTree
    seen: Float[Array, "*batch numbers"]


class MapEdits(AbstractLevelMutator[JaxNavLevel]):
    """ACCEL's edits of maps, one after the other.

    Each one does nothing, flips a wall or moves the goal to the middle of another free cell, with
    equal chances, as in the package. There a wall is only ever put, though, and never taken away.
    The border stays, and so do the cells of the goal and under the robot. A level for which there
    is no such edit stays as it is. Raises `ValueError` for a negative number.
    """

    num_edits: int = 20
    """Edits of a level in sequence; with 0 it stays as it is."""
    move_robot: bool = False
    """Let a fourth kind of edit move the robot's start, and turn it; the package has none."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: JaxNavLevel, *, key: Key[Array, ""]) -> JaxNavLevel:
        edits = (NoEdit(), _FlipWall(), _MoveGoal())
        one = OneOf((*edits, _MoveRobot()) if self.move_robot else edits)
        return Repeated(one, self.num_edits).mutate(level, key=key)


class _FlipWall(AbstractLevelMutator[JaxNavLevel]):
    def mutate(self, level: JaxNavLevel, *, key: Key[Array, ""]) -> JaxNavLevel:
        allowed = ~_under(level.walls, level.position, ROBOT_REACH) & ~_cell(
            level.walls, level.goal
        )
        allowed &= jnp.pad(allowed[1:-1, 1:-1], 1)
        flipped = only_cell(random_cell(allowed, key=key), *allowed.shape) & allowed
        return eqx.tree_at(lambda level: level.walls, level, level.walls ^ flipped)


class _MoveGoal(AbstractLevelMutator[JaxNavLevel]):
    def mutate(self, level: JaxNavLevel, *, key: Key[Array, ""]) -> JaxNavLevel:
        taken = _under(level.walls, level.position, ROBOT_REACH) | _cell(level.walls, level.goal)
        moved = _middle(~level.walls & ~taken, level.goal, key)
        return eqx.tree_at(lambda level: level.goal, level, moved)


class _MoveRobot(AbstractLevelMutator[JaxNavLevel]):
    def mutate(self, level: JaxNavLevel, *, key: Key[Array, ""]) -> JaxNavLevel:
        cell_key, turn_key = jax.random.split(key)
        taken = _cell(level.walls, level.position) | _cell(level.walls, level.goal)
        moved = _middle(~level.walls & ~taken, level.position, cell_key)
        turned = jax.random.uniform(turn_key, (), jnp.float32, -jnp.pi, jnp.pi)
        return eqx.tree_at(lambda level: (level.position, level.direction), level, (moved, turned))


def _under(
    walls: Bool[Array, "height width"], place: Float[Array, "2"], reach: float
) -> Bool[Array, "height width"]:
    """The cells that are no farther than `reach` from a place."""
    rows, columns = (jnp.arange(size, dtype=jnp.float32) for size in walls.shape)
    right, down = (
        jnp.square(at - jnp.clip(at, cells, cells + 1))
        for at, cells in zip(place, (columns, rows), strict=True)
    )
    return down[:, None] + right[None, :] <= reach**2


def _cell(walls: Bool[Array, "height width"], place: Float[Array, "2"]) -> Bool[Array, "..."]:
    """The set of cells that holds just the one with this place in it."""
    return only_cell(jnp.floor(place).astype(jnp.int32), *walls.shape)


def _middle(
    allowed: Bool[Array, "height width"], otherwise: Float[Array, "2"], key: Key[Array, ""]
) -> Float[Array, "2"]:
    """The middle of a random allowed cell, or another place if there is none."""
    middle = random_cell(allowed, key=key).astype(jnp.float32) + 0.5
    return jnp.where(jnp.any(allowed), middle, otherwise)
