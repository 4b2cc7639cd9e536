"""The PPO agent: what an update does, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minimax_eqx.agents import PPO, ppo_optimiser
from minimax_eqx.rollouts import rollout

from ..small import ENV, GENERATOR, make_student


@pytest.fixture(scope="module")
def levels():
    return jax.vmap(GENERATOR.sample)(jax.random.split(jax.random.key(3), 6))


def play(agent, levels, key):
    return eqx.filter_jit(lambda agent: rollout(ENV, agent, levels, num_steps=10, key=key))(agent)


@eqx.filter_jit
def update(agent, trajectory, key):
    return agent.update(trajectory, agent.estimate(trajectory), key=key)


def update_params(optimiser, gradient, state):
    with jax.numpy_dtype_promotion("standard"):  # Optax counts on it
        return optimiser.update(gradient, state)


@pytest.mark.parametrize("core", ["lstm", "feedforward"])
def test_the_first_gradient_step_sees_a_ratio_of_one(core, levels, getkey):
    """The network, scanned over the trajectory, says what it said when it was stepped."""
    agent = make_student(getkey(), core=core, num_epochs=1)
    _, metrics = update(agent, play(agent, levels, getkey()), getkey())
    assert abs(metrics["approx_kl"]) < 1e-6
    assert metrics["clip_fraction"] == 0
    assert metrics["grad_norm"] > 0


def test_a_single_minibatch_does_not_depend_on_the_key(levels, getkey):
    agent = make_student(getkey())
    trajectory = play(agent, levels, getkey())
    one, _ = update(agent, trajectory, getkey())
    other, _ = update(agent, trajectory, getkey())
    assert eqx.tree_equal(one, other)


@pytest.mark.parametrize("options", [{}, {"core": "feedforward", "num_minibatches": 2}])
def test_a_gradient_in_parts_is_that_of_the_whole_minibatch(options, levels, getkey):
    key, update_key = getkey(), getkey()
    whole = make_student(key, **options)
    parts = make_student(key, num_accumulation_steps=3, **options)
    trajectory = play(whole, levels, getkey())
    whole, of_whole = update(whole, trajectory, update_key)
    parts, of_parts = update(parts, trajectory, update_key)
    networks = [jax.tree.leaves(eqx.filter(a.network, eqx.is_array)) for a in (whole, parts)]
    for one, other in zip(*networks, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for name, value in of_whole.items():
        np.testing.assert_allclose(value, of_parts[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_parts_that_do_not_divide_a_minibatch_are_refused(levels, getkey):
    agent = make_student(getkey(), num_minibatches=2, num_accumulation_steps=2)
    trajectory = play(agent, levels, getkey())
    with pytest.raises(ValueError, match=r"3 plays .* num_accumulation_steps=2"):
        agent.update(trajectory, agent.estimate(trajectory), key=getkey())


@pytest.mark.parametrize("core", ["lstm", "feedforward"])
def test_minibatches_that_do_not_divide_are_refused(core, levels, getkey):
    agent = make_student(getkey(), core=core, num_minibatches=7)
    trajectory = play(agent, levels, getkey())
    with pytest.raises(ValueError, match="num_minibatches=7"):
        agent.update(trajectory, agent.estimate(trajectory), key=getkey())


def test_the_learning_rate_anneals_by_gradient_steps():
    optimiser = ppo_optimiser(1.0, final_learning_rate=0.2, anneal_steps=4, max_grad_norm=10.0)
    params = {"w": jnp.zeros(3)}
    state = optimiser.init(params)
    rates, sizes = [], []
    for _ in range(6):
        updates, state = update_params(optimiser, {"w": jnp.ones(3)}, state)
        rates.append(float(optax.tree_utils.tree_get(state, "learning_rate")))
        sizes.append(float(-updates["w"][0]))
    np.testing.assert_allclose(rates, [1.0, 0.8, 0.6, 0.4, 0.2, 0.2], rtol=1e-6)
    np.testing.assert_allclose(sizes, rates, rtol=1e-3)  # Adam's step has size 1 here


def test_without_annealing_the_learning_rate_is_constant():
    optimiser = ppo_optimiser(0.3)
    state = optimiser.init(jnp.zeros(2))
    for _ in range(3):
        _, state = update_params(optimiser, jnp.ones(2), state)
    assert optax.tree_utils.tree_get(state, "learning_rate") == jnp.float32(0.3)


def test_the_learning_rate_is_an_array_that_a_sweep_can_set(levels, getkey):
    agent = make_student(getkey())
    trajectory = play(agent, levels, getkey())
    frozen = eqx.tree_at(lambda agent: agent.optimiser_state[2].initial, agent, jnp.zeros(()))
    frozen, _ = update(frozen, trajectory, getkey())
    assert eqx.tree_equal(frozen.network, agent.network)
    assert frozen.num_updates == 1


def test_gradients_are_clipped_to_the_norm():
    optimiser = ppo_optimiser(1.0, max_grad_norm=0.5)
    gradient = jnp.array([30.0, 40.0])
    _, state = update_params(optimiser, gradient, optimiser.init(gradient))
    moments, _ = optax.tree_utils.tree_get(state, "mu")
    np.testing.assert_allclose(moments, 0.1 * jnp.array([0.3, 0.4]), rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("discount", 1.5),
        ("gae_lambda", -0.1),
        ("clip_range", 0.0),
        ("entropy_coef", -1.0),
        ("value_loss_coef", float("nan")),
        ("num_epochs", 0),
        ("num_minibatches", 0),
        ("num_accumulation_steps", 0),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(option, value, getkey):
    with pytest.raises(ValueError, match=option):
        make_student(getkey(), **{option: value})


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": 1e-3, "max_grad_norm": 0.0},
        {"learning_rate": 1e-3, "final_learning_rate": 1e-4},
        {"learning_rate": 1e-3, "anneal_steps": -1},
    ],
)
def test_an_optimiser_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match=r"learning_rate|max_grad_norm|anneal_steps"):
        ppo_optimiser(**options)


def test_hyperparameters_are_arrays_and_strongly_typed(getkey):
    agent = make_student(getkey())
    assert isinstance(agent, PPO)
    for leaf in jax.tree.leaves(eqx.filter(agent, eqx.is_array)):
        assert not leaf.weak_type
