"""Brax: robots whose gravity, masses, motors and the like are the level."""

import copy
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..._ranges import check_at_least
from ..._types import Observation, PyTree
from .._actions import Box
from .._env import TimeStep
from ..boxes._parameters import ParameterLevel
from ._brax_artist import BraxArtist
from ._brax_model import environment, numbers, observation_spec, parts_of
from ._foreign import AbstractParameters, strong

__all__ = ["Brax"]

System = dict[str, Float[Array, "..."]]  # the parts of Brax's system that are a level's own


class BraxState(eqx.Module):
    """Brax's own state, and the time."""

    brax: PyTree
    time: Int[Array, "*batch"]


class Brax(AbstractParameters[System, BraxState, Observation]):
    """An environment of Brax, some of whose physics differ between levels.

    `varied` names what differs, and its range: `gravity`, in metres per second squared, and factors
    of what the robot has in Brax. `mass` is a factor of all masses, `mass_pole` of the link of that
    name alone, `gear` of the strength of all motors, `damping` of how much joints are slowed down,
    and `friction` of contacts. A link that has no name has a number, as `mass_link2`.

    Students see what Brax shows, and not the level. An episode ends when Brax says so, at the time
    limit, or when the simulation leaves the range of numbers, in a step that pays nothing. Nobody
    knows what success is here; `Experiment(success_return=...)` says from which return on it is.

    Needs the extra `brax`. Raises `ImportError` without it, and `ValueError` for an unknown robot,
    a number that it does not have, and a range that is not one, or with values that cannot be.
    """

    name: str = "inverted_pendulum"
    """The environment, by its name in Brax."""
    varied: tuple[tuple[str, float, float], ...] = eqx.field(
        static=True, default=(("gravity", 5.0, 20.0), ("mass_pole", 0.3, 3.0), ("gear", 0.3, 1.5))
    )
    """What differs between levels: a name, and its lowest and highest value."""
    backend: Literal["generalized", "spring", "positional", "mjx"] = "generalized"
    """Which of Brax's simulations is used."""
    max_episode_steps: int = 1000
    """The time limit of an episode, in steps."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "max_episode_steps")
        for name, low, _ in self.varied:
            if low < 0 or (low == 0 and name.startswith("mass")):
                raise ValueError(
                    f"Brax.varied has {name!r} from {low}; masses must be above 0, and other "
                    "numbers at least 0."
                )

    def numbers(self) -> dict[str, float]:
        return dict(numbers(self.name, self.backend))

    def action_spec(self) -> Box:
        return Box(low=-1.0, high=1.0, shape=(self._env.action_size,))

    def load(self, level: ParameterLevel) -> System:
        """The arrays of Brax's system that are not as they were."""
        return parts_of(self.name, self.backend, level)

    def reset(self, world: System, *, key: Key[Array, ""]) -> BraxState:
        state = strong(self._with(world).reset(key))
        return BraxState(state, jnp.zeros((), jnp.int32))

    def step(
        self, world: System, state: BraxState, action: PyTree[Array], *, key: Key[Array, ""]
    ) -> TimeStep[BraxState]:
        del key
        new = strong(self._with(world).step(state.brax, action))
        finite = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves((new.obs, new.reward))]
        is_finite = jnp.all(jnp.stack(finite))
        time, over = state.time + 1, (new.done > 0) | ~is_finite
        return TimeStep(
            BraxState(new, time),
            reward=jnp.where(is_finite, new.reward, 0.0),
            terminated=over,
            truncated=(time >= self.max_episode_steps) & ~over,
        )

    def observe(self, world: System, state: BraxState) -> Observation:
        del world
        return state.brax.obs

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return observation_spec(self.name, self.backend)

    def artist(self) -> BraxArtist:
        return BraxArtist(self.name, self.backend)

    @property
    def _env(self) -> Any:
        return environment(self.name, self.backend)

    def _with(self, world: System) -> Any:
        """Brax's environment with this system in place of its own."""
        env = copy.copy(self._env)
        env.sys = env.sys.tree_replace(world)
        return env
