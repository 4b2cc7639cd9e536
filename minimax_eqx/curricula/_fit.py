"""Whether what makes or edits levels fits the environment, found out before anything is played."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._types import PyTree
from ..envs import AbstractEnv, AbstractLevelGenerator, AbstractLevelMutator
from ..scores import AbstractScore
from ._parents import AbstractParents
from ._prioritisation import AbstractPrioritisation


class LevelsError(ValueError):
    """Something that does not fit the levels of the environment, whose class the caller knows."""

    def __init__(self, what: str, why: str):
        # Levels print themselves over several lines.
        self._what, self._why = what, " ".join(why.split())
        super().__init__(f"{what} of the environment: {self._why}")

    def of(self, env: AbstractEnv) -> str:
        """The message with the environment's class."""
        return f"{self._what} of the environment {type(env).__name__}: {self._why}"


def check_makes_levels(
    generator: AbstractLevelGenerator, level: PyTree[jax.ShapeDtypeStruct]
) -> None:
    """Raises `ValueError` if the generator does not sample levels of that structure."""
    _check(
        f"The generator {type(generator).__name__} cannot make levels",
        lambda key: generator.sample(level, key=key),
        level,
    )


def check_edits_levels(mutator: AbstractLevelMutator, level: PyTree[jax.ShapeDtypeStruct]) -> None:
    """Raises `ValueError` if the mutator cannot edit levels of that structure."""
    _check(
        f"The mutator {type(mutator).__name__} cannot edit levels",
        lambda level, key: mutator.mutate(level, key=key),
        level,
        level,
    )


def check_chooses(parents: AbstractParents, num_levels: int) -> None:
    """Raises `ValueError` if parents cannot be chosen among `num_levels` levels."""
    eqx.filter_eval_shape(parents.choose, jax.ShapeDtypeStruct((num_levels,), jnp.float32))


def check_takes_scores(
    owner: str, prioritisation: AbstractPrioritisation, score: AbstractScore
) -> None:
    """Raises `ValueError` if a prioritisation would be given scores that it cannot take."""
    if prioritisation.needs_nonnegative_scores and score.can_be_negative:
        raise ValueError(
            f"{owner}.prioritisation is {type(prioritisation).__name__}, which needs scores that "
            f"are never negative, and those of {type(score).__name__} can be; use Rank."
        )


def _check(
    what: str, make: Callable[..., PyTree], expected: PyTree[jax.ShapeDtypeStruct], *given: PyTree
) -> None:
    try:
        made = eqx.filter_eval_shape(make, *given, jax.random.key(0))
    except Exception as error:
        raise LevelsError(what, str(error)) from error
    if made != expected:
        raise LevelsError(what, f"it makes {made}, and they are {expected}.")
