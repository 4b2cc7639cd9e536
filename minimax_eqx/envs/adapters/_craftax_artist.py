"""Pictures of Craftax, made of the package's textures."""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Int, UInt8

from .._env import AbstractArtist, AbstractEnv
from .._pictures import unstack
from ._craftax_package import Name, game, name_of

_SIZE = 16  # side of a block in pixels, in an episode; in a level's map it is half of that
_PLAYER, _CREATURE = (255, 255, 255), (220, 20, 30)


class CraftaxArtist(AbstractArtist[Any]):
    """Draws the first floor of a level from above, and what surrounds the player in an episode.

    The player is a white square, and every creature a red one. Inventory and darkness are not
    drawn.
    """

    def draw_level(self, level: Any) -> UInt8[np.ndarray, "rows columns 3"]:
        name, level = name_of("CraftaxArtist", level), jax.device_get(level)
        floor, creatures = level.map, level.mob_map
        if name == "full":
            floor, creatures = floor[0], creatures[0]
        return _drawn(name, floor, creatures, level.player_position)[::2, ::2]

    def draw_episode(
        self, env: AbstractEnv, level: Any, states: Any, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        name = name_of("CraftaxArtist", level)
        shown = jax.device_get(jax.tree.map(lambda leaf: leaf[: length + 1], states))
        return [_surroundings(name, state) for state in unstack(shown)]


def _surroundings(name: Name, state: Any) -> UInt8[np.ndarray, "rows columns 3"]:
    """What the player sees, without the inventory."""
    floor, creatures = np.asarray(state.map), np.asarray(state.mob_map)
    if name == "full":
        floor, creatures = floor[state.player_level], creatures[state.player_level]
    half = np.array(game(name).constants.OBS_DIM) // 2
    outside = game(name).blocks["out_of_bounds"]
    around = [(side, side) for side in half]
    rows, columns = (
        slice(p, p + 2 * h + 1) for p, h in zip(state.player_position, half, strict=True)
    )
    floor = np.pad(floor, around, constant_values=outside)[rows, columns]
    return _drawn(name, floor, np.pad(creatures, around)[rows, columns], half)


def _drawn(
    name: Name,
    floor: Int[np.ndarray, "rows columns"],
    creatures: Bool[np.ndarray, "rows columns"],
    player: Int[np.ndarray, "2"],
) -> UInt8[np.ndarray, "height width 3"]:
    blocks = _textures(name)[floor]
    marked = slice(_SIZE // 4, -(_SIZE // 4))
    blocks[*np.nonzero(creatures), marked, marked] = _CREATURE
    blocks[*player, marked, marked] = _PLAYER
    rows, columns = floor.shape
    return blocks.transpose(0, 2, 1, 3, 4).reshape(rows * _SIZE, columns * _SIZE, 3)


@functools.cache
def _textures(name: Name) -> UInt8[np.ndarray, "block size size 3"]:
    """A square picture of each block. The package makes them anew from its image files; what it
    keeps on disk between runs is a pickle, which is not opened."""
    textures = game(name).constants.load_all_textures_given_size(_SIZE)["block_textures"]
    return np.asarray(textures).clip(0, 255).astype(np.uint8)
