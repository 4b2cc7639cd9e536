"""One choice, several at once, or numbers: played by a policy, and learned by PPO."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.agents import PPO, Adam
from minimax_eqx.envs import AbstractEnv, Box, Discrete, MultiDiscrete, TimeStep
from minimax_eqx.nets import ActorCritic, FlatEncoder
from minimax_eqx.nets._action_head import SquashedNormal
from minimax_eqx.rollouts import evaluate
from minimax_eqx.rollouts._rollout import rollout

NUM_CHOICES = 4
CLIPPED = ActorCritic(FlatEncoder(8))
SQUASHED = ActorCritic(FlatEncoder(8), box=SquashedNormal())


class Guess(AbstractEnv):
    """A level is a number, which one sees, and then guesses; an action's error is the penalty."""

    actions: Discrete | MultiDiscrete | Box
    max_episode_steps: int = 2

    def action_spec(self):
        return self.actions

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return jnp.zeros((), jnp.int32)

    def step(self, world, state, action, *, key):
        error = jnp.mean(jnp.abs(jnp.asarray(action, jnp.float32) - world.astype(jnp.float32)))
        over, false = state + 1 >= self.max_episode_steps, jnp.zeros((), bool)
        return TimeStep(state + 1, -error, over, false, false)

    def observe(self, world, state):
        seen = {"level": world}
        if self.actions == Discrete(NUM_CHOICES, masked=True):
            # What is two too many is impossible.
            seen["action_mask"] = jnp.arange(NUM_CHOICES) < world + 2
        return seen

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        return jax.eval_shape(lambda: self.observe(jnp.zeros((), jnp.int32), None))

    def level_metrics(self, level):
        return {}


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
    levels = jnp.arange(64) % NUM_CHOICES

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
    greedy = evaluate(env, agent.network, levels[:4], greedy=True, key=jax.random.key(2))
    assert rewards[-5:].mean() > 0.5 * rewards[0]
    assert greedy.returns.mean() / env.max_episode_steps > 0.5 * rewards[0]
