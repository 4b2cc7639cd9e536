"""What the actions of an environment are, and which are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Box, Discrete, MultiDiscrete

CHOICE, CHOICES = Discrete(3), MultiDiscrete((2, 4))
NUMBER, NUMBERS = Box(-1.0, 1.0), Box((-1.0, 0.0), 2.0, (2,))
SPECS = [CHOICE, CHOICES, NUMBER, NUMBERS]


@pytest.mark.parametrize("spec", SPECS)
def test_an_action_of_a_spec_belongs_to_it(spec):
    for key in jax.random.split(jax.random.key(0), 20):
        spec.check(spec.sample(key))
    for action in spec.examples():
        spec.check(action)
    assert spec.struct() == jax.eval_shape(lambda: spec.examples()[0])


@pytest.mark.parametrize("spec", SPECS)
def test_samples_reach_all_of_a_spec(spec):
    drawn = jax.vmap(spec.sample)(jax.random.split(jax.random.key(1), 400))
    low, high = spec.examples().min(0), spec.examples().max(0)
    np.testing.assert_allclose(drawn.min(0), low, atol=0.05)
    np.testing.assert_allclose(drawn.max(0), high, atol=0.05)


@pytest.mark.parametrize(
    ("spec", "action", "message"),
    [
        (CHOICE, jnp.array(3), "3 is no action of Discrete.*at least 0 and at most 2"),
        (CHOICE, jnp.array(-1), "-1 is no action"),
        (CHOICE, jnp.array([1]), r"shape \(\) and dtype int32; this one has shape \(1,\)"),
        (CHOICE, jnp.array(1.0), "has shape .* and dtype float32"),
        (CHOICE, 1, "has shape None and dtype int"),
        (CHOICES, jnp.array([1, 4]), r"no action of MultiDiscrete\(nums=\(2, 4\)\)"),
        (CHOICES, jnp.array([2, 0]), "at most"),
        (NUMBER, jnp.array(1.5), "no action of Box"),
        (NUMBER, jnp.array(jnp.nan), "no action of Box"),
        (NUMBERS, jnp.array([0.0, -0.5]), "no action of Box"),
    ],
)
def test_what_is_no_action_is_refused(spec, action, message):
    with pytest.raises(ValueError, match=message):
        spec.check(action)


def test_equal_specs_are_one_to_a_dictionary_and_to_a_compiler():
    again = [Discrete(3), MultiDiscrete((2, 4)), Box(-1.0, 1.0), Box((-1.0, 0.0), 2.0, (2,))]
    assert {*SPECS, *again} == {*SPECS}
    assert len({*SPECS, Discrete(3, masked=True)}) == len(SPECS) + 1


def test_a_traced_action_is_checked_for_its_shape():
    jax.eval_shape(CHOICE.check, jax.ShapeDtypeStruct((), jnp.int32))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        jax.eval_shape(CHOICE.check, jax.ShapeDtypeStruct((2,), jnp.int32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Discrete(0), r"Discrete.num_actions is 0; it must be an integer of at least 1"),
        (lambda: MultiDiscrete(()), r"MultiDiscrete.nums is \(\); it must hold at least one"),
        (lambda: MultiDiscrete((2, 0)), "each must be at least 1"),
        (lambda: Box(1.0, 1.0), r"low=1.0 and high=1.0; bounds must be finite"),
        (lambda: Box(0.0, float("inf")), "bounds must be finite"),
        (lambda: Box(0.0, 1.0, (0,)), r"Box.shape is \(0,\)"),
        (lambda: Box((0.0, 0.0), 1.0, (3,)), r"Box.low has 2 numbers, but its shape is \(3,\)"),
    ],
)
def test_a_spec_without_actions_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
