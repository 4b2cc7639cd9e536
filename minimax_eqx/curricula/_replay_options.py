"""What level replay cannot be made of: values out of range, and parts that do nothing together."""

import jax
from jax.core import Tracer
from jaxtyping import Array, Float

from .._types import PyTree
from ..envs import AbstractLevelMutator, FixedLevels
from ._level_buffer import num_slots
from ._level_source import AbstractLevelSource, Sampled


def check_ranges(
    capacity: int,
    batch_size: int,
    replay_prob: float | Float[Array, ""] | None,
    min_fill_ratio: float | Float[Array, ""],
    parallel: bool,
) -> None:
    """Raises `ValueError`, naming the argument, for a value that `LevelReplay.create` refuses."""
    if batch_size < 1:
        raise ValueError(f"LevelReplay: batch_size is {batch_size}; it must be at least 1.")
    if capacity < batch_size:
        raise ValueError(
            f"LevelReplay: capacity is {capacity}, less than one batch of {batch_size} levels; "
            "raise capacity or lower batch_size."
        )
    traced = isinstance(replay_prob, Tracer)
    if not (replay_prob is None or traced or 0 <= replay_prob <= 1):
        raise ValueError(f"LevelReplay: replay_prob is {replay_prob}; it must be in [0, 1].")
    if parallel and (traced or replay_prob not in (None, 1)):
        raise ValueError(
            f"LevelReplay: replay_prob is {replay_prob}, but the parallel form replays in every "
            "cycle; leave replay_prob out, or set it to 1."
        )
    if not (isinstance(min_fill_ratio, Tracer) or 0 <= min_fill_ratio <= 1):
        raise ValueError(f"LevelReplay: min_fill_ratio is {min_fill_ratio}; it must be in [0, 1].")


def check_something_is_replayed(
    replay_prob: float | Float[Array, ""] | None, robust: bool, mutator: AbstractLevelMutator | None
) -> None:
    """Raises `ValueError` where a chance of 0 to replay leaves another argument without effect."""
    if replay_prob is None or isinstance(replay_prob, Tracer) or replay_prob > 0:
        return
    if robust:
        raise ValueError(
            "LevelReplay: replay_prob is 0, and with robust=True the students learn from replayed "
            "levels only, so they would never learn; raise replay_prob, or set robust=False."
        )
    if mutator is not None:
        raise ValueError(
            "LevelReplay: replay_prob is 0, and only replayed levels are edited, so the mutator "
            f"{type(mutator).__name__} would have no effect; raise replay_prob, or leave it out."
        )


def check_parents(
    parents: str, num_parents: int, batch_size: int, mutator: AbstractLevelMutator | None
) -> None:
    """Raises `ValueError` for parents that cannot be chosen, or that nobody edits."""
    if parents == "batch":
        return
    if not 1 <= num_parents <= batch_size:
        raise ValueError(
            f"LevelReplay: num_parents is {num_parents}; it must be between 1 and the "
            f"batch_size of {batch_size}."
        )
    if mutator is None:
        raise ValueError(
            f"LevelReplay: parents is {parents!r}, but without a mutator no level is edited; give "
            "a mutator, or leave parents out."
        )


def check_source(
    source: AbstractLevelSource,
    capacity: int,
    min_fill_ratio: float | Float[Array, ""],
    parallel: bool,
) -> None:
    """Raises `ValueError` for a source that cannot fill the buffer, or learn in this form."""
    if parallel and source.learns:
        raise ValueError(
            f"LevelReplay: generator is a {type(source).__name__}, which learns from cycles of "
            "new levels only; that needs parallel=False."
        )
    fixed = source.generator if isinstance(source, Sampled) else None
    if isinstance(fixed, FixedLevels) and not isinstance(min_fill_ratio, Tracer):
        there = jax.tree.leaves(fixed.levels)[0].shape[0]
        with jax.ensure_compile_time_eval():
            needed = int(num_slots(min_fill_ratio, capacity))
        if there < needed:
            raise ValueError(
                f"LevelReplay: the generator has {there} different levels at most, and nothing is "
                f"replayed before min_fill_ratio={min_fill_ratio} of the capacity of {capacity} is "
                f"filled, which takes {needed}; lower min_fill_ratio or capacity."
            )


def check_mutator(mutator: AbstractLevelMutator, level_spec: PyTree[jax.ShapeDtypeStruct]) -> None:
    """Raises `ValueError` if the mutator cannot edit levels of these shapes and dtypes."""
    what = f"mutator: {type(mutator).__name__} cannot edit the levels of the generator"
    try:
        mutated = jax.eval_shape(
            lambda level, key: mutator.mutate(level, key=key), level_spec, jax.random.key(0)
        )
    except Exception as error:
        raise ValueError(f"{what}: {error}") from error
    if mutated != level_spec:
        raise ValueError(f"{what}: it makes {mutated} of {level_spec}.")
