"""What evidence says of itself, before anything was played and afterwards."""

import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.rollouts import Evidence

from ..evidence import make_evidence

STUDENTS, STEPS, LEVELS, TRIALS, HEADS = 2, 5, 4, 3, 7
SHAPE = (STUDENTS, STEPS, LEVELS, TRIALS)


def structures(**changes):
    """Evidence as the parts of a runner are initialised with it."""
    numbers, truths, values = (
        jax.ShapeDtypeStruct(SHAPE, jnp.float32),
        jax.ShapeDtypeStruct(SHAPE, jnp.bool_),
        jax.ShapeDtypeStruct((*SHAPE, HEADS), jnp.float32),
    )
    fields = {
        "levels": {"walls": jax.ShapeDtypeStruct((LEVELS, 5, 6), jnp.bool_)},
        "observations": None,
        "actions": jax.ShapeDtypeStruct(SHAPE, jnp.int32),
        "distributions": None,
        "log_probs": numbers,
        "rewards": numbers,
        "terminated": truths,
        "truncated": truths,
        "outcomes": truths,
        "values": values,
        "advantages": values,
        "students": None,
        "optimum": jax.ShapeDtypeStruct((LEVELS,), jnp.float32),
    }
    return Evidence(**fields | changes)


def played():
    values = jnp.zeros((*SHAPE, HEADS))
    levels = {"walls": jnp.zeros((LEVELS, 5, 6), bool)}
    return make_evidence(jnp.zeros(SHAPE), jnp.zeros(SHAPE, bool), values=values, levels=levels)


@pytest.mark.parametrize("make", [structures, played])
def test_shapes_tell_what_there_is_before_and_after_a_play(make):
    evidence = make()
    assert evidence.num_students == STUDENTS
    assert evidence.num_trials == TRIALS
    assert evidence.num_value_heads == HEADS
    assert evidence.level_spec() == {"walls": jax.ShapeDtypeStruct((5, 6), jnp.bool_)}


def test_evidence_whose_parts_are_of_different_sizes_is_refused():
    other = jax.ShapeDtypeStruct((STUDENTS, STEPS + 1, LEVELS, TRIALS), jnp.float32)
    with pytest.raises(TypeError, match="rewards"):
        structures(rewards=other)
