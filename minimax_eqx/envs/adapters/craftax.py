"""Craftax (arXiv 2402.16801): open worlds to be survived, in which achievements pay.

Needs the extra `craftax`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._actions import Discrete
from .._env import AbstractArtist, AbstractLevelGenerator, TimeStep
from .._mutator import AbstractLevelMutator
from ._craftax_package import Name, game, name_of, raw
from ._foreign import AbstractStartState

__all__ = ["Craftax", "SwapBlocks", "Worlds"]

# Blocks that worlds are generated with, in one of the games or in both.
_DESCRIBED = ("grass", "water", "stone", "tree", "coal", "iron", "diamond", "lava", "path", "wall")


class Craftax(AbstractStartState[Any, Float[Array, " numbers"]]):
    """Craftax, or Craftax-Classic, with symbolic observations.

    A level is a whole generated world, as the package's start state; `Seeded(Craftax(), Worlds())`
    has its seed for a level instead. Each achievement pays once what the package pays for it, and
    in every step a gain or a loss of health pays a tenth of itself. The package's own time limit is
    not in force, and its environments that reset themselves are not used.

    Nobody says what success is. Metrics have the share of episodes that unlocked each achievement,
    by its name, and how many were unlocked, `num_achievements`.

    Raises `ImportError` without the package, and `ValueError` for a value out of its range.
    """

    game: Name = "full"
    """Which game: the full one has nine floors, Classic is the world of Crafter."""
    max_episode_steps: int = 10_000
    """The time limit of an episode, in steps; the package has 100000 (full) and 10000 (Classic)."""

    def __check_init__(self) -> None:
        game(self.game)
        check_at_least(self, 1, "max_episode_steps")

    def example(self, *, key: Key[Array, ""]) -> Any:
        return game(self.game).generate(raw(key))

    def with_key(self, level: Any, *, key: Key[Array, ""]) -> Any:
        return level.replace(state_rng=raw(key))

    def action_spec(self) -> Discrete:
        return Discrete(game(self.game).num_actions)

    def step(
        self, world: Any, state: Any, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[Any]:
        del world
        played = game(self.game)
        new, reward, over = played.step(raw(key), state, action)
        unlocked = (new.achievements & ~state.achievements).astype(jnp.float32)
        names = ("num_achievements", *played.achievements)
        return TimeStep(
            state=new,
            reward=reward,
            terminated=over,
            truncated=(new.timestep >= self.max_episode_steps) & ~over,
            measures=dict(zip(names, [jnp.sum(unlocked), *unlocked], strict=True)),
        )

    def observe(self, world: Any, state: Any) -> Float[Array, " numbers"]:
        del world
        return game(self.game).observe(state)

    def level_metrics(self, level: Any) -> dict[str, Float[Array, ""]]:
        blocks = game(self.game).blocks
        return {
            f"{name}_share": jnp.mean(level.map == blocks[name], dtype=jnp.float32)
            for name in filter(blocks.__contains__, _DESCRIBED)
        }

    def artist(self) -> AbstractArtist:
        from ._craftax_artist import CraftaxArtist

        return CraftaxArtist()


class Worlds(AbstractLevelGenerator[Any]):
    """Worlds as the package generates them, of the game that the environment plays.

    Raises `ValueError` for levels of another environment.
    """

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Any:
        return game(name_of("Worlds", level)).generate(raw(key))


class SwapBlocks(AbstractLevelMutator[Any]):
    """Swaps the blocks of two random cells of one floor, again and again.

    Cells with the player, a creature, or an item such as a ladder keep their blocks: a swap with
    one of them is left out. What comes out may be impossible: a player may be walled in by water.
    The light of dark floors stays as it was.

    Raises `ValueError` if `num_edits` is negative.
    """

    num_edits: int = 30
    """Swaps in sequence."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: Any, *, key: Key[Array, ""]) -> Any:
        is_full = name_of("SwapBlocks", level) == "full"
        floors = level.map if is_full else level.map[None]
        taken = level.mob_map if is_full else level.mob_map[None]
        if is_full:
            taken = taken | (level.item_map != 0)
        ground = (level.player_level if is_full else 0, *level.player_position)
        taken = taken.at[ground].set(True)

        def swap(floors, draw):
            floor, cells = draw
            here = (floor, cells[:, 0], cells[:, 1])
            swapped = floors.at[here].set(floors[here][::-1])
            return jnp.where(jnp.any(taken[here]), floors, swapped), None

        floor_key, cell_key = jax.random.split(key)
        floor = jax.random.randint(floor_key, (self.num_edits,), 0, floors.shape[0])
        cells = jax.random.randint(cell_key, (self.num_edits, 2, 2), 0, floors.shape[-1])
        floors = jax.lax.scan(swap, floors, (floor, cells))[0]
        return level.replace(map=floors if is_full else floors[0])
