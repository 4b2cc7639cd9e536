"""Numbers that describe a map of JaxNav, and whether there is a way through it."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._jaxnav_level import JaxNavLevel
from ._jaxnav_package import map_maker, package_rules


def describe(level: JaxNavLevel) -> dict[str, Float[Array, ""]]:
    """Walls within the border, whether free cells lead from the robot's to the goal's side by side,
    and how many steps that is (0 if they do not).

    The package finds the way. The map is made square for it, since it mixes up rows and columns of
    others.
    """
    height, width = level.walls.shape
    size = max(height, width)
    square = jnp.pad(level.walls, ((0, size - height), (0, size - width)), constant_values=True)
    with package_rules():
        passable, length = map_maker(size, size, fill=0.0).dikstra_path(
            square.astype(jnp.int32), level.position, level.goal
        )
    return {
        "num_walls": jnp.sum(level.walls[1:-1, 1:-1], dtype=jnp.float32),
        "passable": passable.astype(jnp.float32),
        "shortest_path": length.astype(jnp.float32),
    }
