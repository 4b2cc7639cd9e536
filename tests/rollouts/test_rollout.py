"""Rollouts: which level is played when, and what is written down of it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.agents import PPO
from minimax_eqx.envs import AbstractEnv, Discrete, TimeStep
from minimax_eqx.nets import LSTM, ActorCritic, FlatEncoder, MLPHead
from minimax_eqx.rollouts import evaluate, record_episode
from minimax_eqx.rollouts._rollout import rollout

from ..small import ENV, make_student, sample_levels


class Corridor(AbstractEnv):
    """A level is a number n: the episode ends in success after n steps, whatever one does. The
    observation is (n, time)."""

    max_episode_steps: int = 4

    def action_spec(self):
        return Discrete(2)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return jnp.zeros((), jnp.int32)

    def step(self, world, state, action, *, key):
        success = state + 1 >= world
        late = state + 1 >= self.max_episode_steps
        return TimeStep(
            state + 1, 1.0 + 0.0 * world.astype(jnp.float32), success, late & ~success, success
        )

    def observe(self, world, state):
        return jnp.stack([world, state])

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        return jax.ShapeDtypeStruct((2,), jnp.int32)

    def level_metrics(self, level):
        return {"n": level.astype(jnp.float32)}


def corridor_policy(key):
    network = ActorCritic(FlatEncoder(output_size=6), LSTM(8), MLPHead(4))
    env = Corridor()
    return PPO(network).init(env.observation_spec(), env.action_spec(), key=key).network


def play(policy, levels, spare_levels=None, *, env=None, **options):
    env = env or Corridor()
    return eqx.filter_jit(lambda policy: rollout(env, policy, levels, spare_levels, **options))(
        policy
    )


def test_a_rollout_in_lanes_is_the_same_rollout(getkey, monkeypatch):
    policy, key = make_student(getkey()).network, getkey()
    levels, spare_levels = sample_levels(getkey(), 4), sample_levels(getkey(), 4, 2)
    given = {"num_steps": 40, "key": key, "env": ENV}
    plain = play(policy, levels, spare_levels, **given)
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    in_lanes = play(policy, levels, spare_levels, **given)
    assert plain.terminated.any()
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(in_lanes), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_without_spare_levels_a_play_never_leaves_its_level(getkey):
    levels = jnp.array([1, 3, 9])
    trajectory = play(corridor_policy(getkey()), levels, num_steps=11, key=getkey())
    seen = trajectory.observations[..., 0]
    np.testing.assert_array_equal(seen, np.broadcast_to(levels, seen.shape))
    np.testing.assert_array_equal(trajectory.observations[:, 1, 1], np.arange(11) % 3)
    np.testing.assert_array_equal(trajectory.terminated[:, 1], np.arange(11) % 3 == 2)
    np.testing.assert_array_equal(trajectory.truncated[:, 2], np.arange(11) % 4 == 3)
    assert not trajectory.successes[:, 2].any()


def test_spare_levels_are_played_in_turn_and_then_around_again(getkey):
    levels, spares = jnp.array([1, 2]), jnp.array([[2, 3], [4, 1]])
    trajectory = play(corridor_policy(getkey()), levels, spares, num_steps=8, key=getkey())
    np.testing.assert_array_equal(trajectory.observations[:, 0, 0], [1, 2, 2, 3, 3, 3, 1, 2])
    np.testing.assert_array_equal(trajectory.observations[:, 1, 0], [2, 2, 4, 4, 4, 4, 1, 2])


def test_the_stored_log_probs_and_values_are_the_network_s(getkey):
    policy, levels = make_student(getkey()).network, sample_levels(getkey(), 5)
    trajectory = play(policy, levels, num_steps=20, key=getkey(), env=ENV)
    resets = jnp.concatenate([jnp.zeros((1, 5), bool), trajectory.dones[:-1]])
    predictions, _ = policy.scan(trajectory.observations, policy.initial_memory((5,)), resets)
    log_probs = predictions.actions.log_prob(trajectory.actions)
    np.testing.assert_allclose(trajectory.log_probs, log_probs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trajectory.values, predictions.values, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trajectory.distributions.kl(predictions.actions), 0.0, atol=1e-5)


def test_permuting_the_levels_permutes_what_does_not_depend_on_chance(getkey):
    levels, order = jnp.array([1, 3, 9]), jnp.array([2, 0, 1])
    policy, key = corridor_policy(getkey()), getkey()
    one = play(policy, levels, num_steps=9, key=key)
    other = play(policy, levels[order], num_steps=9, key=key)
    for name in ("observations", "rewards", "terminated", "truncated", "successes", "values"):
        np.testing.assert_allclose(
            getattr(one, name)[:, order], getattr(other, name), rtol=1e-5, atol=1e-6
        )


def test_truncation_values_are_those_of_the_state_that_was_cut_off(getkey):
    policy = corridor_policy(getkey())
    levels = jnp.array([9, 3])
    trajectory = play(policy, levels, num_steps=4, with_truncation_values=True, key=getkey())
    # Only the first play is cut off, in its fourth step, in state (9, 4).
    values = np.asarray(trajectory.truncation_values[..., 0])
    assert (values[:3] == 0).all()
    assert values[3, 1] == 0
    observations = jnp.array([[9, t] for t in range(5)])[:, None]
    predictions, _ = policy.scan(observations, policy.initial_memory((1,)), jnp.zeros((5, 1), bool))
    np.testing.assert_allclose(values[3, 0], predictions.values[4, 0, 0], rtol=1e-5)


def test_nobody_pays_for_truncation_values_that_are_not_asked_for(getkey):
    trajectory = play(corridor_policy(getkey()), jnp.array([9]), num_steps=2, key=getkey())
    assert trajectory.truncation_values is None


def test_evaluation_plays_one_episode_of_each_level(getkey):
    results = evaluate(Corridor(), corridor_policy(getkey()), jnp.array([1, 3, 9]), key=getkey())
    np.testing.assert_array_equal(results.lengths, [1, 3, 4])
    np.testing.assert_array_equal(results.successes, [True, True, False])
    np.testing.assert_allclose(results.returns, [1.0, 3.0, 4.0])


def test_a_greedy_evaluation_does_not_depend_on_the_key(getkey):
    policy, levels = make_student(getkey()).network, sample_levels(getkey(), 8)
    one = evaluate(ENV, policy, levels, greedy=True, key=getkey())
    other = evaluate(ENV, policy, levels, greedy=True, key=getkey())
    assert eqx.tree_equal(one, other)


def test_a_recording_stands_still_after_the_end(getkey):
    recording = record_episode(Corridor(), corridor_policy(getkey()), jnp.array(2), key=getkey())
    np.testing.assert_array_equal(recording.states, [0, 1, 2, 2, 2])
    assert recording.length == 2
    assert recording.success
