"""Observations by their running mean and variance."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.agents import PPO, Optax
from minimax_eqx.agents._population import over_students, population
from minimax_eqx.envs import Maze
from minimax_eqx.envs.boxes import Pendulum, Uniform
from minimax_eqx.nets import ActorCritic, FlatEncoder, MLPHead, Normalised, TreeEncoder
from minimax_eqx.nets._normalised import NormalisedWeights
from minimax_eqx.nets._running_moments import Moments
from minimax_eqx.rollouts._rollout import rollout

SPEC = {
    "code": jax.ShapeDtypeStruct((2,), jnp.uint8),
    "speed": jax.ShapeDtypeStruct((3,), jnp.float32),
}
ENV = Pendulum(max_episode_steps=9)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.sampled_from([0.0, 1.0, 1000.0]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_running_moments_are_those_of_numpy_over_all_that_was_seen(lengths, far, weighted, seed):
    rng, moments, seen = np.random.default_rng(seed), Moments.of_nothing((2,)), []
    for length in lengths:
        x = rng.normal(far, rng.uniform(0.1, 10), (length, 3, 2)).astype(np.float32)
        times = rng.integers(0, 3, (length, 3)) if weighted else np.ones((length, 3), int)
        moments = moments.updated(jnp.asarray(x), jnp.asarray(times, jnp.float32))
        # A step with weight 2 is one that was seen twice.
        seen.append(np.repeat(x.reshape(-1, 2), times.reshape(-1), axis=0))
    seen = np.concatenate(seen).astype(np.float64)
    assert moments.count == len(seen)
    if len(seen) > 0:
        np.testing.assert_allclose(moments.mean, seen.mean(0), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(moments.variance, seen.var(0), rtol=1e-3, atol=1e-3)


def test_floats_are_normalised_and_clipped_and_bytes_stay(getkey):
    weights = Normalised(FlatEncoder(4), clip=3.0).init(SPEC, key=getkey())
    assert isinstance(weights, NormalisedWeights)
    speeds = jnp.array([[0.0, 4.0, 7.0], [2.0, 8.0, 7.0]])[:, None]
    codes = jnp.array([[9, 0], [5, 255]], jnp.uint8)
    weights = weights.measured({"code": codes[:, None], "speed": speeds}, None)
    seen = weights.encoder({"code": codes, "speed": jnp.array([[-1.0, -1, 0], [1, 1, 0]])})
    np.testing.assert_allclose(weights({"code": codes, "speed": speeds[:, 0]}), seen, rtol=1e-5)
    far = {"code": codes[0], "speed": jnp.array([1e6, -1e6, 7.0])}
    bounded = {"code": codes[0], "speed": jnp.array([3.0, -3.0, 0.0])}
    np.testing.assert_allclose(weights(far), weights.encoder(bounded), rtol=1e-5)


def test_what_cannot_be_normalised_is_refused_and_what_need_not_be_costs_nothing(getkey):
    assert not isinstance(
        Normalised().init(Maze().observation_spec(), key=getkey()), NormalisedWeights
    )
    with pytest.raises(ValueError, match=r"Normalised.clip is 0; it must be positive"):
        Normalised(clip=0)
    weights = Normalised(TreeEncoder()).init(SPEC, key=getkey())
    with pytest.raises(ValueError, match=r"made for observations of shapes \[None, \(3,\)\]"):
        weights({"code": jnp.zeros(2, jnp.uint8), "speed": jnp.zeros(4)})


@pytest.fixture(scope="module")
def updated():
    """A population before and after an update, and what it learned from, with weights."""
    # It would decay everything that it is given to 0 at once.
    optimiser = Optax(optax.chain(optax.sgd(0.0), optax.add_decayed_weights(-1.0)))
    network = ActorCritic(Normalised(FlatEncoder(4)), head=MLPHead(4))
    learner = PPO(network, optimiser, num_epochs=1)

    @eqx.filter_jit
    def cycle(key):
        keys = jax.random.split(key, 4)
        spec = ENV.level_spec()
        levels = jax.vmap(lambda key: Uniform().sample(spec, key=key))(jax.random.split(keys[0], 2))
        students = population(learner, 2, ENV.observation_spec(), ENV.action_spec(), key=keys[1])
        weights = jnp.where(jnp.arange(10)[:, None] < 6, 3.0, 0.0) * jnp.ones((10, 2))

        def learn(student, key):
            play_key, key = jax.random.split(key)
            played = rollout(ENV, student.network, levels, num_steps=10, key=play_key)
            estimates = learner.estimate(played)
            after, metrics = learner.update(student, played, estimates, weights=weights, key=key)
            return after, metrics, played.observations

        return students, *over_students(learn, students, jax.random.split(keys[2]))

    return cycle(jax.random.key(1))


def test_an_update_counts_what_each_student_learns_from_and_trains_no_statistics(updated):
    before, after, _, observations = updated
    for student in range(2):
        seen = np.asarray(observations[student], np.float64)[:6].reshape(-1, 3)
        (moments,) = jax.tree.map(
            lambda x, s=student: x[s], after.network.encoder.statistics.moments
        )
        np.testing.assert_allclose(moments.mean, seen.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(moments.variance, seen.var(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(after.network.encoder.statistics.clip, [10.0, 10.0])
    assert not np.any(after.network.encoder.encoder.dense.weight)
    statistics = [jax.tree.leaves(a.network.encoder.statistics) for a in (before, after)]
    for leaf, later in zip(*statistics, strict=True):
        assert jax.typeof(leaf) == jax.typeof(later)
        assert not later.weak_type


def test_an_update_learns_with_the_statistics_that_it_has_just_measured(updated):
    """So the policy that it begins with is another one than that which played."""
    assert np.all(updated[2]["approx_kl"] > 0)
