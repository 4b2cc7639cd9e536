"""One choice, several at once, or numbers: played by a policy, and learned by PPO."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.agents import PPO, Adam
from minimax_eqx.envs import Box, Discrete, MultiDiscrete
from minimax_eqx.nets import ActorCritic, FlatEncoder, SquashedNormal
from minimax_eqx.rollouts import evaluate
from minimax_eqx.rollouts._rollout import rollout

from ..guessing import NUM_CHOICES, Guess, levels_of

CLIPPED = ActorCritic(FlatEncoder(8))
SQUASHED = ActorCritic(FlatEncoder(8), box=SquashedNormal())


@pytest.mark.parametrize(
    ("actions", "network"),
    [
        (Discrete(NUM_CHOICES), CLIPPED),
        (Discrete(NUM_CHOICES, masked=True), CLIPPED),
        (MultiDiscrete((NUM_CHOICES, NUM_CHOICES + 1)), CLIPPED),
        (Box(-1.0, 4.0), CLIPPED),
        (Box((-1.0, -2.0), (5.0, 4.0), (2,)), SQUASHED),
    ],
    ids=["discrete", "masked", "multi-discrete", "clipped", "squashed"],
)
def test_actions_of_every_kind_are_played_and_learned(actions, network):
    env = Guess(actions)
    learner = PPO(network, Adam(0.01), num_minibatches=4)
    agent = learner.init(env.observation_spec(), actions, key=jax.random.key(0))
    levels = levels_of(jnp.arange(64) % NUM_CHOICES)

    @eqx.filter_jit
    def learn(agent, keys):
        def cycle(agent, key):
            play_key, update_key = jax.random.split(key)
            trajectory = rollout(env, agent.network, levels, num_steps=4, key=play_key)
            estimates = learner.estimate(trajectory)
            agent, metrics = learner.update(agent, trajectory, estimates, key=update_key)
            return agent, (metrics, trajectory)

        return filter_scan(cycle, agent, keys)

    agent, (metrics, played) = learn(agent, jax.random.split(jax.random.key(1), 30))
    for action in np.asarray(played.actions).reshape(-1, *actions.struct().shape)[::500]:
        actions.check(jnp.asarray(action))
    if "action_mask" in played.observations:
        mask = played.observations["action_mask"]
        assert jnp.take_along_axis(mask, played.actions[..., None], axis=-1).all()
    np.testing.assert_allclose(
        played.log_probs, played.distributions.log_prob(played.actions), rtol=1e-4, atol=1e-4
    )
    assert all(np.isfinite(values).all() for values in metrics.values())
    rewards = np.asarray(played.rewards).mean((1, 2))
    greedy = evaluate(
        env, agent.network, levels_of(jnp.arange(4)), greedy=True, key=jax.random.key(2)
    )
    assert rewards[-5:].mean() > 0.5 * rewards[0]
    assert greedy.returns.mean() / env.max_episode_steps > 0.5 * rewards[0]
