"""Keys and doors by MiniGrid's rules: what the agent does with them, and how they look to it."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ._view import MOVES

PICK_UP, DROP, TOGGLE = 3, 4, 5
OPEN, CLOSED, LOCKED = 0, 1, 2
_CARRIED = -1


def has_key(key_pos: Int[Array, "2"]) -> Bool[Array, ""]:
    """Whether the agent carries the key, which then has no place on the grid."""
    return key_pos[0] == _CARRIED


def use_hands(
    action: Int[Array, ""],
    key_pos: Int[Array, "2"],
    door: Int[Array, ""],
    *,
    ahead: Int[Array, "2"],
    is_empty: Bool[Array, ""],
    faces_door: Bool[Array, ""],
) -> tuple[Int[Array, "2"], Int[Array, ""]]:
    """Where the key is and how the door is after an action of an agent that faces `ahead`.

    The agent picks up a key that it faces, and drops it ahead if that `is_empty`. It opens and
    closes the door that it faces; a locked one only with the key, which it keeps.
    """
    carries = has_key(key_pos)
    picks_up = (action == PICK_UP) & jnp.all(ahead == key_pos)
    drops = (action == DROP) & carries & is_empty
    key_pos = jnp.where(picks_up, _CARRIED, jnp.where(drops, ahead, key_pos))
    stays_locked = (door == LOCKED) & ~carries
    toggled = jnp.where(stays_locked, LOCKED, jnp.where(door == OPEN, CLOSED, OPEN))
    return key_pos, jnp.where((action == TOGGLE) & faces_door, toggled, door)


def place_in_view(
    position: Int[Array, "2"],
    agent_pos: Int[Array, "2"],
    agent_dir: Int[Array, ""],
    view_size: int,
) -> Bool[Array, "{view_size} {view_size}"]:
    """Where in an agent's view a position (x, y) is; nowhere if it is not in it."""
    moves = jnp.asarray(MOVES, jnp.int32)
    offset = position - agent_pos
    ahead = jnp.sum(offset * moves[agent_dir])
    to_the_right = jnp.sum(offset * moves[(agent_dir + 1) % 4])
    steps = jnp.arange(view_size)
    rows = steps == view_size - 1 - ahead
    columns = steps == view_size // 2 + to_the_right
    return rows[:, None] & columns[None, :]
