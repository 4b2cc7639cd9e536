"""A small house of parts, of every kind of field that a composition can have."""

import abc
from typing import Generic, Literal, TypeVar

import equinox as eqx

from minimax_eqx._ranges import check_at_least, check_between, check_positive
from minimax_eqx._types import Scalar

State = TypeVar("State")


class AbstractWorld(eqx.Module):
    @abc.abstractmethod
    def step(self):
        pass


class Grid(AbstractWorld):
    """A grid of cells."""

    height: int = 13
    """Cells from top to bottom."""
    see_agent: bool = False
    """Show the agent in its own view."""
    bounds: float | tuple[float, ...] = 1.0
    """Where it ends."""

    def step(self):
        pass


class AbstractCore(eqx.Module):
    @abc.abstractmethod
    def init(self):
        pass


class LSTM(AbstractCore):
    """A long short-term memory."""

    hidden_size: int = 256
    """Width of the memory."""

    def init(self):
        pass


class S5(AbstractCore):
    """Layers of state space models."""

    hidden_size: int = 256
    """Width of the memory."""
    norm: Literal["pre", "post"] = "post"
    """Where layers are normalised."""

    def init(self):
        pass


class Learner(eqx.Module):
    """What learns, with a rate and
    a memory.

    Further sentences are not shown.
    """

    core: AbstractCore = LSTM()
    """The memory."""
    learning_rate: Scalar = 1e-4
    """The step size,
    which is positive."""
    final_learning_rate: Scalar | None = None
    """Where annealing ends."""

    def __check_init__(self):
        check_positive(self, "learning_rate", "final_learning_rate")


class AbstractScore(eqx.Module, Generic[State]):
    @abc.abstractmethod
    def init(self):
        pass


class AbstractFormula(AbstractScore[None]):
    weight: float = 1.0
    """A factor, for all formulas."""

    def init(self):
        return None

    @abc.abstractmethod
    def formula(self):
        pass


class MaxMC(AbstractFormula):
    def formula(self):
        pass


class L1ValueLoss(AbstractFormula):
    def formula(self):
        pass


class AbstractPrioritisation(eqx.Module):
    @abc.abstractmethod
    def weights(self):
        pass


class Rank(AbstractPrioritisation):
    temperature: Scalar = 0.3
    """The lower, the more the best levels are preferred."""

    def __check_init__(self):
        check_positive(self, "temperature")

    def weights(self):
        pass


class TopK(AbstractPrioritisation):
    k: int = 100
    """How many of the highest scores are replayed."""

    def __check_init__(self):
        check_at_least(self, 1, "k")

    def weights(self):
        pass


class AbstractGenerator(eqx.Module):
    @abc.abstractmethod
    def sample(self):
        pass


class RandomWalls(AbstractGenerator):
    num_walls: int = 60
    """Walls to draw."""

    def sample(self):
        pass


class Taught(AbstractGenerator):
    teacher: Learner = Learner()
    """Who designs."""

    def sample(self):
        pass


class AbstractCurriculum(eqx.Module):
    @abc.abstractmethod
    def propose(self):
        pass


class DomainRandomisation(AbstractCurriculum):
    generator: AbstractGenerator
    """Where levels come from."""

    def propose(self):
        pass


class LevelReplay(AbstractCurriculum):
    generator: AbstractGenerator
    """Where new levels come from."""
    score: AbstractScore = MaxMC()
    """What makes a level worth replaying."""
    prioritisation: AbstractPrioritisation = Rank()
    """How scores become chances."""
    least: Scalar = 0.0
    """The least share."""
    most: Scalar = 1.0
    """The greatest share."""
    mutator: AbstractGenerator | None = None
    """What edits levels."""
    others: tuple[AbstractScore, ...] = ()
    """Scores that are measured only."""

    def __check_init__(self):
        check_between(self, 0, 1, "least")
        check_between(self, self.least, 1, "most")

    def propose(self):
        pass


class Composition(eqx.Module):
    """Everything at once."""

    world: AbstractWorld
    """The world."""
    student: Learner
    """Who learns."""
    curriculum: AbstractCurriculum
    """Which levels are played."""
    seed: int = 1
    """Seed of all random numbers."""
    mazes: tuple[str, ...] = ("SixteenRooms", "Labyrinth")
    """What to evaluate on."""


def replay(**fields):
    """A composition with level replay."""
    walls = RandomWalls(num_walls=25)
    return Composition(Grid(), Learner(), LevelReplay(walls, prioritisation=Rank(0.5), **fields))
