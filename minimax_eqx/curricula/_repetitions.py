"""Levels that a cycle plays several times side by side, and scores by all of these plays."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._ranges import check_at_least
from .._types import Level, PyTree, State
from ..rollouts import Episodes, Evidence
from ..scores import AbstractScore
from ..scores._score import init_memoryless
from ._copies import Copies
from ._notes import Told


def check_repetitions(curriculum: eqx.Module) -> None:
    """Raises `ValueError` unless its `num_plays` divides its `num_levels`."""
    check_at_least(curriculum, 1, "num_levels", "num_plays")
    num_plays, num_levels = getattr(curriculum, "num_plays"), getattr(curriculum, "num_levels")  # noqa: B009
    if num_levels % num_plays != 0:
        raise ValueError(
            f"{type(curriculum).__name__}.num_plays is {num_plays}; it must divide num_levels, "
            f"{num_levels}."
        )


def cycles_to_play(num_candidates: int, num_plays: int, num_levels: int) -> int:
    """How many cycles of `num_levels` plays it takes to play each candidate that often."""
    return -(-num_candidates * num_plays // num_levels)  # rounded up


def repeated_if(
    condition: Bool[Array, ""], candidates: Level, otherwise: Level, num_plays: int
) -> Level:
    """Each of the first candidates `num_plays` times, if the condition holds; else the others."""
    places = jnp.arange(jax.tree.leaves(otherwise)[0].shape[0], dtype=jnp.int32) // num_plays
    repeat = lambda new, old: jnp.where(condition, new[places], old)  # noqa: E731
    return jax.tree.map(repeat, candidates, otherwise)


def init_repeated(
    owner: str,
    score: AbstractScore[None, State],
    evidence: Evidence,
    num_plays: int,
    *,
    key: Key[Array, ""],
) -> State:
    """The first state of a score of such levels; raises `ValueError` for one that keeps records."""
    plays = eqx.filter_eval_shape(lambda evidence: as_trials(evidence, num_plays), evidence)
    return init_memoryless(owner, score, plays, key=key)


def score_repeated(
    score: AbstractScore[None, State],
    state: State,
    evidence: Evidence,
    levels: Level,
    num_plays: int,
) -> tuple[Level, Float[Array, " candidate"], Told, State]:
    """Each level that was played, once, its score, what is told of it, and the score's state.

    `levels` are those of the cycle, repetitions next to each other. The score is the same for all
    copies of a level, and minus infinity where nobody finished an episode.
    """
    plays = as_trials(evidence, num_plays)
    scores, _, state = score(plays, None, state)
    finished = Episodes.of(plays).finished_on_level
    candidates = jax.tree.map(lambda leaf: leaf[::num_plays], levels)
    copies = Copies.of(candidates)
    return candidates, copies.mean_score(scores, finished), Told.of(plays, copies), state


def as_trials(evidence: Evidence, num_plays: int) -> Evidence:
    """Evidence in which the repetitions of a level are its trials."""

    def per_step(leaf: Array) -> Array:
        students, time, levels, trials, *rest = leaf.shape
        return leaf.reshape(students, time, levels // num_plays, num_plays * trials, *rest)

    def per_level(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[::num_plays], tree)

    others = dataclasses.replace(evidence, levels=None, students=None, optimum=None, env=None)
    return dataclasses.replace(
        jax.tree.map(per_step, others),
        levels=per_level(evidence.levels),
        students=evidence.students,
        optimum=per_level(evidence.optimum),
        env=evidence.env,
    )
