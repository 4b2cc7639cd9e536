"""What a curriculum keeps or proposes, for people to look at."""

import equinox as eqx
from jaxtyping import Array, Key

from .._types import PyTree
from .._xla._compile import quick_jit
from .._xla._mesh import on_one_device
from ..curricula import AbstractCurriculum
from ..curricula._stored import StoredLevels
from ._runner import Runner


def stored_levels(runner: Runner) -> StoredLevels | None:
    """The levels that the curriculum of a runner keeps, on one device; None if it keeps none."""
    return _stored(*_parts(runner))


def stores_levels(runner: Runner) -> bool:
    """Whether the curriculum keeps levels at all."""
    # Not `_stored`, whose options are for a program that stands alone.
    curriculum, state = _parts(runner)
    return eqx.filter_eval_shape(curriculum.stored, state) is not None


def proposed_levels(runner: Runner, *, key: Key[Array, ""]) -> PyTree:
    """Levels that the curriculum would propose now (leading axis `level`)."""
    return _proposed(*_parts(runner), key)


def _parts(runner: Runner) -> tuple[AbstractCurriculum, PyTree]:
    return on_one_device((runner.experiment.curriculum, runner.curriculum_state))


@quick_jit
def _stored(curriculum: AbstractCurriculum, state: PyTree) -> StoredLevels | None:
    return curriculum.stored(state)


@quick_jit
def _proposed(curriculum: AbstractCurriculum, state: PyTree, key: Key[Array, ""]) -> PyTree:
    return curriculum.propose(state, key=key)[1].levels
