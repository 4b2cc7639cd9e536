"""What every world offers: a level is loaded, reset, stepped and observed."""

import abc
from collections.abc import Sequence
from typing import Generic

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Key, UInt8

from .._types import Level, Observation, PyTree, State, World
from ._actions import AbstractActionSpec
from ._pictures import sheet, unstack


class TimeStep(eqx.Module, Generic[State]):
    """What one step of an environment gives.

    `terminated` says that the world ended the episode, `truncated` that the time limit did, and
    `success` that the episode reached its aim in this very step. Leave `success` out where episodes
    have no aim but their return: None in every step says that success is not measured.

    `measures` are further numbers to watch, by name: an achievement unlocked in this step (1, or
    else 0), or the energy that it took. They are treated as the reward is: added up over an
    episode, and then averaged over finished episodes, in the metrics of training and in
    evaluations. Give the same names in every step.
    """

    state: State
    """What the world is like after the step."""
    reward: Float[Array, "*batch"]
    """What the step pays."""
    terminated: Bool[Array, "*batch"]
    """Whether the world ended the episode."""
    truncated: Bool[Array, "*batch"]
    """Whether the time limit did."""
    success: Bool[Array, "*batch"] | None = None
    """Whether the episode reached its aim in this step; None is not measured."""
    measures: dict[str, Float[Array, "*batch"]] = eqx.field(default_factory=dict)
    """Further numbers to watch, by name."""

    @property
    def done(self) -> Bool[Array, "*batch"]:
        """Whether the episode is over, for either reason."""
        return self.terminated | self.truncated


class AbstractArtist(eqx.Module, Generic[Level]):
    """Draws an environment's levels and episodes, in red, green and blue.

    It draws what has values, on the host, and never in a compiled program.
    """

    @abc.abstractmethod
    def draw_level(self, level: Level) -> UInt8[np.ndarray, "rows columns 3"]:
        """A picture of one level."""

    @abc.abstractmethod
    def draw_episode(
        self, env: "AbstractEnv", level: Level, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Pictures of an episode of `length` steps, all of one size: one of each of its states.

        `states` have a leading axis `time` and begin with the state before the first step, so
        `length + 1` of them belong to the episode. There may be more, which are not drawn. `env` is
        where the episode was played, for example to highlight what the student saw.
        """

    def places(self, level: Level, states: PyTree) -> Float[np.ndarray, "*batch 2"] | None:
        """Where the agent is in the picture of `level`, in each of some states. Optional.

        `states` have any leading axes, which the result has too. Places are shares of the picture's
        width, from its left, and of its height, from its top. The report of a run then shows where
        agents walk. None says that an agent is at no place of the picture.
        """
        return None

    def draw_view(
        self, env: "AbstractEnv", observation: PyTree
    ) -> UInt8[np.ndarray, "rows columns 3"] | None:
        """A picture of what a student of `env` sees. Optional.

        The report of a run shows it beside each step of an episode. None says that an observation
        cannot be drawn.
        """
        return None

    def action_names(self, env: "AbstractEnv") -> tuple[str, ...] | None:
        """What people call the actions of `env`, in order, where it has a few. Optional.

        None says that they have no names, and they are numbered.
        """
        return None

    def draw_levels(self, levels: Level, columns: int = 4) -> UInt8[np.ndarray, "rows columns 3"]:
        """One picture of many levels (leading axis `level`), row by row, on white.

        Raises `ValueError` if there are no levels, or `columns` is less than 1.
        """
        return sheet([self.draw_level(level) for level in unstack(levels)], columns)


class AbstractEnv(eqx.Module, Generic[Level, World, State, Observation]):
    """The fixed dynamics of an underspecified environment.

    Write all methods for one instance; the library makes batches with `jax.vmap`. An environment
    never resets itself: the runner decides which level comes after an episode's end.

    A *level* holds the free parameters. `load` turns it into a *world*, which holds what the
    dynamics want computed once per level and is constant during play. A *state* is what changes
    during one episode.

    `optimal_return` and `artist` are optional: write them if you have something to offer.
    """

    max_episode_steps: eqx.AbstractVar[int]
    """The time limit: an episode has at most this many steps."""

    @abc.abstractmethod
    def action_spec(self) -> AbstractActionSpec:
        """Which actions `step` takes, for example `Discrete(7)`."""

    @abc.abstractmethod
    def load(self, level: Level) -> World:
        """Computes what play needs of `level`; the identity where there is nothing to compute."""

    @abc.abstractmethod
    def reset(self, world: World, *, key: Key[Array, ""]) -> State:
        """Starts an episode."""

    @abc.abstractmethod
    def step(
        self, world: World, state: State, action: PyTree[Array], *, key: Key[Array, ""]
    ) -> TimeStep[State]:
        """Plays `action`, one of `action_spec()`."""

    @abc.abstractmethod
    def observe(self, world: World, state: State) -> Observation:
        """What the student sees of `state`."""

    @abc.abstractmethod
    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the levels that this environment plays.

        Generators, designs and curricula read the size of a level off it.
        """

    @abc.abstractmethod
    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the observations."""

    @abc.abstractmethod
    def level_metrics(self, level: Level) -> dict[str, Float[Array, ""]]:
        """Numbers that describe a level, for logging; an empty dictionary is fine.

        The name `"passable"` is special: 1 if the level can be solved and 0 if not. Where it is
        given, the other metrics are averaged over passable levels only.
        """

    def optimal_return(self, level: Level) -> Float[Array, ""] | None:
        """The largest return, not discounted, that an episode of `level` can have. Optional.

        Evidence then has it, for scores and metrics that measure regret; nothing is computed where
        nobody asks. It must be exact: no episode returns more, and the best ones return just as
        much, down to how the reward is rounded. Give 0 for a level that cannot be solved. None, for
        every level, says that this environment does not know.
        """
        return None

    def joined(self, envs: "Sequence[AbstractEnv]") -> "AbstractEnv | None":
        """One environment, an `AbstractJoint`, that plays the levels of all of these as they do,
        of which this is the first. Optional.

        An evaluation on tests of many sizes compiles fewer programs with it. None says that they
        cannot be joined.
        """
        return None

    def artist(self) -> AbstractArtist | None:
        """Who draws this environment's levels and episodes, in the report of a run. Optional.

        None says that it cannot be drawn, and reports have no pictures of it.
        """
        return None


class AbstractLevelGenerator(eqx.Module, Generic[Level]):
    """Samples levels."""

    @abc.abstractmethod
    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Level:
        """Draws one level.

        `level` is the structure of a level, which `env.level_spec()` gives: a generator reads
        sizes off it, and so works for every size of environment. Raise `ValueError` here for a
        structure that you cannot fill; it is raised while the program is traced.
        """

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int | None:
        """How many different levels of that structure can be drawn, or any larger number. Optional.

        Say so where they can be few: level replay then refuses to wait for more different levels
        than there will ever be. None says that there are plenty.
        """
        return None

    def list_levels(
        self, level: PyTree[jax.ShapeDtypeStruct]
    ) -> tuple[tuple[str, ...], Level] | None:
        """All levels of that structure that can be drawn, and a name for each. Optional.

        The levels have a leading axis `level`, and names differ. For curricula that keep an account
        of every single level, such as `FixedTasks`. None says that there are too many to list.
        """
        return None
