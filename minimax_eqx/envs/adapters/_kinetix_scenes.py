"""Where scenes of Kinetix come from: the package's generator, its edits, and its own scenes."""

import difflib
from typing import Any

import jax
from jaxtyping import Array, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractEnv, AbstractLevelGenerator
from .._fixed import FixedLevels
from .._mutator import AbstractLevelMutator
from .._suite import AbstractSuite
from ._foreign import strong, with_dtypes_of
from ._kinetix_package import (
    edits,
    hand_made,
    kinetix,
    limits,
    raw,
    scene,
    scene_params,
    simulation,
    size_of,
)


class RandomScenes(AbstractLevelGenerator[Any]):
    """The package's random scenes, in the size of the environment.

    Each has a green and a blue shape, and at least one motor or thruster. Nothing makes sure that
    it can be solved, and some solve themselves.
    """

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Any:
        size, package = size_of("RandomScenes", level), kinetix()
        engine, params = simulation(size).physics_engine, package.EnvParams()
        return strong(
            package.sample_kinetix_level(raw(key), engine, params, limits(size), scene_params())
        )


class EditScene(AbstractLevelMutator[Any]):
    """The package's edits, as its ACCEL makes them.

    An edit adds a shape, a connected shape or a thruster where there is room, takes a thruster
    away, swaps the roles of shapes, fixes or frees a shape, or gives one another size, place or
    rotation. What comes out may be impossible.

    Raises `ValueError` if `num_edits` is negative.
    """

    num_edits: int = 3
    """Edits in sequence."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: Any, *, key: Key[Array, ""]) -> Any:
        edited = edits(size_of("EditScene", level))(raw(key), level, self.num_edits)
        return with_dtypes_of(edited, level)


class HandMadeScenes(AbstractSuite):
    """The package's own scenes, each by its name, such as `h2_one_wheel_car`.

    Raises `ValueError` for an environment other than Kinetix, and for a scene that the package does
    not have in that environment's size.
    """

    scenes: tuple[str, ...] = ()
    """Names of scenes; with none you get all of the environment's size."""

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        size, spec = self._size(env), env.level_spec()
        return {
            name: (env, FixedLevels(with_dtypes_of(scene(size, name), spec)))
            for name in self.scenes or hand_made(size)
        }

    def _size(self, env: AbstractEnv) -> Any:
        size = size_of("HandMadeScenes", env.level_spec())
        for name in self.scenes:
            if name not in hand_made(size):
                close = difflib.get_close_matches(name, hand_made(size), n=1)
                guess = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"HandMadeScenes.scenes has {name!r}, which the package does not have in size "
                    f"{size}.{guess} There are {', '.join(hand_made(size))}."
                )
        return size
