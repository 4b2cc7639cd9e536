"""Kinetix (arXiv 2410.23208): 2D physics, in which green is to touch blue, and not red.

Needs the extra `kinetix`.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._actions import AbstractActionSpec, Box, Discrete, MultiDiscrete
from .._env import AbstractArtist, TimeStep
from ._foreign import AbstractStartState, strong, with_dtypes_of
from ._kinetix_package import Actions, Observations, Size, kinetix, limits, raw, simulation
from ._kinetix_scenes import EditScene, HandMadeScenes, RandomScenes

__all__ = ["EditScene", "HandMadeScenes", "Kinetix", "RandomScenes"]

_NEVER = 2**30


class Kinetix(AbstractStartState[Any, Any]):
    """Kinetix with symbolic observations: shapes with motors and thrusters, moved by an engine.

    A level is a scene, as the package's start state: shapes with places, sizes and roles, the
    joints and motors between them, and thrusters. An episode is over when a green shape touches a
    blue one, which pays 1 and is a success, or a red one, which pays -1. Before that each step pays
    `dense_reward_scale` times how much nearer green has come to blue. A scene whose numbers
    overflow is over, too.

    Raises `ImportError` without the package, and `ValueError` for a value out of its range.
    """

    size: Size = "s"
    """How much scenes have room for: s for seven shapes, walls included, m for nine, l for 16."""
    actions: Actions = "multi-discrete"
    """All motors and thrusters at once, one of them at a time (discrete), or numbers for all."""
    observations: Observations = "flat"
    """One list of numbers, or a table for each kind of thing, with masks (entities)."""
    max_episode_steps: int = 256
    """The time limit of an episode, in steps."""
    dense_reward_scale: float = 0.1
    """What a step pays for each metre that green comes nearer to blue; the package's is 0.1."""

    def __check_init__(self) -> None:
        simulation(self.size, self.actions, self.observations)
        check_at_least(self, 1, "max_episode_steps")
        check_at_least(self, 0, "dense_reward_scale")

    def example(self, *, key: Key[Array, ""]) -> Any:
        del key
        return kinetix().create_empty_env(limits(self.size))

    def with_key(self, level: Any, *, key: Key[Array, ""]) -> Any:
        del key  # the package draws nothing during play
        return level

    def action_spec(self) -> AbstractActionSpec:
        num_motors = limits(self.size).num_motor_bindings
        num_thrusters = limits(self.size).num_thruster_bindings
        if self.actions == "multi-discrete":
            return MultiDiscrete((3,) * num_motors + (2,) * num_thrusters)
        if self.actions == "discrete":
            return Discrete(2 * num_motors + 1 + num_thrusters)
        return Box(-1.0, 1.0, (num_motors + num_thrusters,))

    def step(
        self, world: Any, state: Any, action: PyTree[Array], *, key: Key[Array, ""]
    ) -> TimeStep[Any]:
        del world
        # Without its time limit, the package says that a scene is over for no other reason.
        params = (
            kinetix()
            .EnvParams()
            .replace(max_timesteps=_NEVER, dense_reward_scale=self.dense_reward_scale)
        )
        played = simulation(self.size, self.actions, self.observations)
        _, new, reward, over, info = played.step_env(raw(key), state, action, params)
        return TimeStep(
            state=with_dtypes_of(new, state),
            reward=strong(reward),
            terminated=over,
            truncated=(new.timestep >= self.max_episode_steps) & ~over,
            success=over & info["GoalR"],
        )

    def observe(self, world: Any, state: Any) -> Any:
        del world
        return strong(simulation(self.size, self.actions, self.observations).get_obs(state))

    def level_metrics(self, level: Any) -> dict[str, Float[Array, ""]]:
        counted = {
            "num_polygons": level.polygon.active,
            "num_circles": level.circle.active,
            "num_joints": level.joint.active,
            "num_thrusters": level.thruster.active,
        }
        return {name: jnp.sum(each, dtype=jnp.float32) for name, each in counted.items()}

    def artist(self) -> AbstractArtist:
        from ._kinetix_artist import KinetixArtist

        return KinetixArtist()
