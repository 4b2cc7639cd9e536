"""What every world offers: a level is loaded, reset, stepped and observed."""

import abc
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Level, Observation, PyTree, State, World


class TimeStep(eqx.Module, Generic[State]):
    """What one step of an environment gives.

    `terminated` says that the world ended the episode, `truncated` that the time limit did, and
    `success` that the episode reached its aim in this very step.
    """

    state: State
    reward: Float[Array, "*batch"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]
    success: Bool[Array, "*batch"]

    @property
    def done(self) -> Bool[Array, "*batch"]:
        """Whether the episode is over, for either reason."""
        return self.terminated | self.truncated


class AbstractEnv(eqx.Module, Generic[Level, World, State, Observation]):
    """The fixed dynamics of an underspecified environment.

    All methods are written for one instance; batches come from `jax.vmap`. An environment never
    resets itself: whoever plays it decides which level comes after an episode's end.

    A *level* holds the free parameters. `load` turns it into a *world*: whatever the dynamics want
    computed once per level, constant during play. A *state* is what changes during one episode.
    """

    num_actions: eqx.AbstractVar[int]
    max_episode_steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def load(self, level: Level) -> World:
        """Computes what play needs of `level`; the identity where there is nothing to compute."""

    @abc.abstractmethod
    def reset(self, world: World, *, key: Key[Array, ""]) -> State:
        """Starts an episode."""

    @abc.abstractmethod
    def step(
        self, world: World, state: State, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[State]:
        """Plays `action`, an integer in `[0, num_actions)`."""

    @abc.abstractmethod
    def observe(self, world: World, state: State) -> Observation:
        """What the student sees of `state`."""

    @abc.abstractmethod
    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the levels that this environment plays."""

    @abc.abstractmethod
    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the observations."""

    @abc.abstractmethod
    def level_metrics(self, level: Level) -> dict[str, Float[Array, ""]]:
        """Numbers that describe a level, for logging; an empty dictionary is fine.

        The name `"passable"` is special: 1 if the level can be solved and 0 if not. Where it is
        given, the other metrics are averaged over passable levels only.
        """


class AbstractLevelGenerator(eqx.Module, Generic[Level]):
    """Samples levels."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Level:
        """Draws one level."""
