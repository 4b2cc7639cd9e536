"""Environments of gymnax, some of whose parameters are the level."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._actions import AbstractActionSpec
from .._env import TimeStep
from ..boxes._parameters import ParameterLevel
from ._foreign import AbstractParameters, strong
from ._gymnax_artist import GymnaxArtist, artist_of
from ._gymnax_package import made
from ._spaces import action_spec_of

__all__ = ["Gymnax"]

_LIMIT = "max_steps_in_episode"
# What gymnax keeps beside the numbers that it follows from.
_DERIVED = {
    "CartPole-v1": {
        "total_mass": lambda p: p["masscart"] + p["masspole"],
        "polemass_length": lambda p: p["masspole"] * p["length"],
    }
}


class GymnaxState(eqx.Module):
    """The package's state, and what is seen of it, which may depend on the key of the step."""

    inner: PyTree[Array]
    observation: PyTree[Array]


class Gymnax(AbstractParameters[dict[str, Array], GymnaxState, PyTree[Array]]):
    """An environment of gymnax (github.com/RobertTLange/gymnax), version 1.0.1 or newer.

    A level is the parameters that you name in `varied`; others stay as they are in gymnax. Where
    gymnax keeps a number that follows from others, such as CartPole's `total_mass`, it follows them
    here. The student sees what gymnax shows, and not the level. Rewards are gymnax's. An episode
    ends where gymnax says so, or at your time limit, and nothing resets itself. There is no success
    but a return that you call one, with `Experiment(success_return=200.0)`.

    Levels come from `boxes.Uniform`, are edited by `boxes.GaussianEdits`, and are tested on a
    `boxes.Grid`. A parameter that is a whole number in gymnax is rounded.

    Raises `ImportError` without a gymnax that works, and `ValueError` for an environment or a
    parameter that it does not have, listing those that there are.
    """

    name: str
    """Which one, for example CartPole-v1."""
    varied: tuple[tuple[str, float, float], ...] = eqx.field(static=True)
    """Parameters that are the level, each with its lowest and highest value."""
    max_episode_steps: int = 500
    """The time limit of an episode, in steps, in place of gymnax's own."""

    def __check_init__(self) -> None:
        made(self.name)
        check_at_least(self, 1, "max_episode_steps")

    def numbers(self) -> dict[str, float]:
        fixed = (_LIMIT, *_DERIVED.get(self.name, {}))
        own = vars(made(self.name)[1])
        return {n: v for n, v in own.items() if type(v) in (int, float) and n not in fixed}

    def load(self, level: ParameterLevel) -> dict[str, Array]:
        """All parameters of the package that differ from its own."""
        own, world = vars(made(self.name)[1]), {}
        for name in level.box.names:
            whole = type(own[name]) is int
            world[name] = jnp.round(level[name]).astype(jnp.int32) if whole else level[name]
        derived = _DERIVED.get(self.name, {}).items()
        return world | {name: follow({**own, **world}) for name, follow in derived}

    def reset(self, world: dict[str, Array], *, key: Key[Array, ""]) -> GymnaxState:
        observation, inner = made(self.name)[0].reset_env(key, self.params(world))
        return GymnaxState(strong(inner), strong(observation))

    def step(
        self,
        world: dict[str, Array],
        state: GymnaxState,
        action: PyTree[Array],
        *,
        key: Key[Array, ""],
    ) -> TimeStep[GymnaxState]:
        env, params = made(self.name)[0], self.params(world)
        observation, inner, reward, over, _ = env.step_env(key, state.inner, action, params)
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        late = env.is_truncated(inner, params) & ~over
        return TimeStep(GymnaxState(strong(inner), strong(observation)), reward, over, late)

    def observe(self, world: dict[str, Array], state: GymnaxState) -> PyTree[Array]:
        del world
        return state.observation

    def action_spec(self) -> AbstractActionSpec:
        """One of several, or numbers in the widest bounds that a level allows."""
        bounds = (dict(zip(self.box.names, values, strict=True)) for values in self.box.bounds())
        space_in = made(self.name)[0].action_space
        with jax.ensure_compile_time_eval():  # it may be called while a program is traced
            return action_spec_of(space_in(self.params(world)) for world in bounds)

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        world = jax.eval_shape(self.load, self.level_spec())
        return jax.eval_shape(lambda w: self.reset(w, key=jax.random.key(0)), world).observation

    def artist(self) -> GymnaxArtist | None:
        return artist_of(self)

    def params(self, world: dict[str, Any]) -> Any:
        """The package's parameters in a world."""
        return made(self.name)[1].replace(**world, **{_LIMIT: self.max_episode_steps})
