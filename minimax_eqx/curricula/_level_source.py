"""Where a curriculum gets new levels from: a generator that samples, or a teacher that learns."""

import abc
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Key

from .._metrics import Metrics
from .._types import Level, Memory, PyTree, State
from .._xla._filtered import filter_update_if
from ..agents import AbstractLearner
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ._fit import check_makes_levels
from ._level_spec import LevelSpec


class AbstractLevelSource(eqx.Module, Generic[Level, State, Memory]):
    """Makes batches of levels, and may learn from what they were worth.

    The module holds settings alone; what it learns is its state. If you have nothing to learn,
    write an `AbstractLevelGenerator` instead: curricula take one wherever they take a source.
    """

    @abc.abstractmethod
    def init(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> State:
        """The first state, for levels of that structure.

        Raise `ValueError` here if you can't make such levels.
        """

    @abc.abstractmethod
    def draw(self, state: State, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, Memory]:
        """Makes levels (leading axis `level`); the memory is given back to `learn`."""

    @abc.abstractmethod
    def learn(
        self, state: State, memory: Memory, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple[State, Metrics]:
        """Learns what the levels of that memory were worth; returns the new state and metrics.

        Level replay calls it after a cycle of new levels only, and not at all if there is no array
        in state and memory.
        """

    def steps_per_level(self, level: PyTree[jax.ShapeDtypeStruct]) -> int | None:
        """How many steps an agent of yours takes to make a level of that structure. Optional: None
        says that there is no such agent."""
        return None

    def learner(self) -> AbstractLearner | None:
        """How that agent learns, each time that you are paid. Optional, and None as well."""
        return None


class AbstractWatcher(AbstractLevelSource[Level, State, None]):
    """A source that learns from all levels that are played, not only its own, and from no payoffs.

    Level replay, adversarial design and searches show it every cycle: new levels and others.
    """

    @abc.abstractmethod
    def watch(
        self, state: State, evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple[State, Metrics]:
        """Learns from what happened in a cycle; returns the new state and metrics."""

    def learn(
        self, state: State, memory: None, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple[State, Metrics]:
        del memory, payoffs, key
        return state, {}


class Sampled(AbstractLevelSource[Level, LevelSpec, None], Generic[Level]):
    """A generator that samples, as it always does."""

    generator: AbstractLevelGenerator[Level]
    """Where the levels come from."""

    def init(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> LevelSpec:
        del key
        check_makes_levels(self.generator, level)
        return LevelSpec.of(level)

    def draw(self, state: LevelSpec, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, None]:
        sample = lambda key: self.generator.sample(state.level, key=key)  # noqa: E731
        return jax.vmap(sample)(jax.random.split(key, num_levels)), None

    def learn(
        self,
        state: LevelSpec,
        memory: None,
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[LevelSpec, Metrics]:
        del memory, payoffs, key
        return state, {}


def as_source(
    generator: AbstractLevelGenerator[Level] | AbstractLevelSource[Level, State, Memory],
) -> AbstractLevelSource:
    """A generator as a source that learns nothing; a source as it is."""
    return Sampled(generator) if isinstance(generator, AbstractLevelGenerator) else generator


def show(
    source: AbstractLevelSource, state: PyTree, evidence: Evidence, *, key: Key[Array, ""]
) -> tuple[PyTree, Metrics]:
    """What a watcher makes of a cycle; the state as it is, and no metrics, for other sources."""
    if isinstance(source, AbstractWatcher):
        return source.watch(state, evidence, key=key)
    return state, {}


def learn_if(
    condition: Bool[Array, ""],
    source: AbstractLevelSource[Level, State, Memory],
    state: State,
    memory: Memory,
    payoffs: Float[Array, " level"],
    *,
    key: Key[Array, ""],
) -> tuple[State, Metrics]:
    """What `source.learn` gives if the condition holds; else the state as it is, and metrics of
    NaN. Nothing is computed for a source that keeps no arrays."""
    if not jax.tree.leaves((state, memory)):
        return state, {}
    return filter_update_if(
        condition, lambda state: source.learn(state, memory, payoffs, key=key), state
    )
