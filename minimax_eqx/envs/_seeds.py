"""Levels that are seeds: small to store, and made into worlds when they are played."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt8

from .._types import Level, Observation, PyTree, State, World
from ._actions import AbstractActionSpec
from ._env import AbstractArtist, AbstractEnv, AbstractLevelGenerator, TimeStep
from ._mutator import AbstractLevelMutator


class Seeds(AbstractLevelGenerator[Level], Generic[Level]):
    """Draws levels that are seeds: typed keys, one or a tree of them.

    Raises `ValueError` for an environment whose levels are not.
    """

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Level:
        specs, structure = jax.tree.flatten(level)
        if not specs or not all(map(_is_seed, specs)):
            raise ValueError(
                f"Seeds draws levels that are seeds, and levels of this environment are {level}: "
                "use its own generator, or make seeds its levels with Seeded(env, generator)."
            )
        keys = jax.random.split(key, len(specs))
        drawn = [jax.random.split(k, s.shape) for k, s in zip(keys, specs, strict=True)]
        return jax.tree.unflatten(structure, drawn)


class Reseed(AbstractLevelMutator[Level], Generic[Level]):
    """Draws one of a level's seeds anew, and leaves the rest of the level as it is.

    Seeds are leaves of the level that are typed keys. A level that is a single seed becomes an
    unrelated one; if a world has a seed for its terrain and another for its creatures, one of the
    two changes.

    Raises `ValueError` for levels without a seed.
    """

    def mutate(self, level: Level, *, key: Key[Array, ""]) -> Level:
        leaves, structure = jax.tree.flatten(level)
        places = [place for place, leaf in enumerate(leaves) if _is_seed(leaf)]
        if not places:
            raise ValueError(
                f"Reseed draws seeds anew, and levels like {jax.tree.map(jnp.shape, level)} have "
                "none: choose a mutator that fits the environment, or make seeds its levels with "
                "Seeded(env, generator)."
            )
        choice_key, seed_key = jax.random.split(key)
        chosen = jax.random.randint(choice_key, (), 0, len(places))
        for index, place in enumerate(places):
            fresh = jax.random.split(seed_key, leaves[place].shape)
            leaves[place] = jnp.where(index == chosen, fresh, leaves[place])
        return jax.tree.unflatten(structure, leaves)


class Seeded(
    AbstractEnv[Key[Array, ""], World, State, Observation],
    Generic[Level, World, State, Observation],
):
    """Another environment, in which a level is the seed that its generator makes a level from.

    A seed takes 8 bytes, so that a buffer holds many of them, however large the worlds are. In
    return the generator works whenever a level is loaded. `Seeds` draws such levels, and `Reseed`
    draws them anew; edits of worlds are not possible.
    """

    env: AbstractEnv[Level, World, State, Observation]
    """Where levels are played."""
    generator: AbstractLevelGenerator[Level]
    """What makes a level from a seed."""

    max_episode_steps: int = eqx.field(init=False)
    """The time limit of the environment."""

    def __post_init__(self) -> None:
        self.max_episode_steps = self.env.max_episode_steps

    def made(self, level: Key[Array, ""]) -> Level:
        """The level that a seed stands for."""
        # The seed itself is a level, and is drawn from again whenever it is played.
        return self.generator.sample(self.env.level_spec(), key=jax.random.clone(level))

    def action_spec(self) -> AbstractActionSpec:
        return self.env.action_spec()

    def load(self, level: Key[Array, ""]) -> World:
        return self.env.load(self.made(level))

    def reset(self, world: World, *, key: Key[Array, ""]) -> State:
        return self.env.reset(world, key=key)

    def step(
        self, world: World, state: State, action: PyTree[Array], *, key: Key[Array, ""]
    ) -> TimeStep[State]:
        return self.env.step(world, state, action, key=key)

    def observe(self, world: World, state: State) -> Observation:
        return self.env.observe(world, state)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.eval_shape(lambda: jax.random.key(0))

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return self.env.observation_spec()

    def level_metrics(self, level: Key[Array, ""]) -> dict[str, Float[Array, ""]]:
        return self.env.level_metrics(self.made(level))

    def optimal_return(self, level: Key[Array, ""]) -> Float[Array, ""] | None:
        return self.env.optimal_return(self.made(level))

    def artist(self) -> AbstractArtist | None:
        return None if self.env.artist() is None else _OfSeeds(self)


class _OfSeeds(AbstractArtist[Key[Array, ""]]):
    """Draws what seeds stand for."""

    seeded: Seeded

    def draw_level(self, level: Key[Array, ""]) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._artist().draw_level(self.seeded.made(level))

    def draw_episode(
        self, env: AbstractEnv, level: Key[Array, ""], states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        made = self.seeded.made(level)
        return self._artist().draw_episode(self.seeded.env, made, states, length)

    def _artist(self) -> AbstractArtist:
        artist = self.seeded.env.artist()
        assert artist is not None
        return artist


def _is_seed(leaf: PyTree) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
