"""Levels that are numbers and pay them, and agents that do what they are told.

`NumberedLevels` plays the levels, so that every return is known beforehand. A `Scripted` policy
acts by fixed preferences, and `Taught` remembers its last lesson.
"""

import jax
import jax.numpy as jnp

from minimax_eqx.agents import AbstractLearner, Agent
from minimax_eqx.agents._agent import Estimates
from minimax_eqx.envs import AbstractEnv, Discrete, TimeStep
from minimax_eqx.nets._distributions import Categorical
from minimax_eqx.nets._policy import AbstractPolicy, Predictions

EPISODE = 2  # steps
PER_ACTION = 10_000
NUM_ACTIONS = 3
LUCKS = 8
ADVANTAGE_FACTORS = (2.0, 3.0)


class NumberedLevels(AbstractEnv):
    """Every episode takes two steps; the second pays the level's number, and the action's times
    `PER_ACTION`. The level is solved then if the two numbers add up to an odd one. Else the time is
    up, or, if the level is a multiple of 10, the episode ends without success. An agent's luck is
    drawn with the episode and pays up to `luck` more; `now` is drawn anew in every step. Levels
    above 0 are passable, if the environment judges that at all."""

    max_episode_steps: int = EPISODE
    luck: float = 0.0
    judges: bool = True

    def action_spec(self):
        return Discrete(NUM_ACTIONS)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        start = jax.random.bits(key, dtype=jnp.uint32)
        return {"time": jnp.zeros((), jnp.int32), "start": start, "now": start}

    def step(self, world, state, action, *, key):
        time = state["time"] + 1
        over, solved = time >= self.max_episode_steps, (world + action.astype(jnp.int32)) % 2 == 1
        final = solved | (world % 10 == 0)
        paid = world + PER_ACTION * action.astype(jnp.int32)
        reward = paid.astype(jnp.float32) + self.luck * luck_of(state["start"])
        return TimeStep(
            state | {"time": time, "now": jax.random.bits(key, dtype=jnp.uint32)},
            jnp.where(over, reward, 0.0),
            over & final,
            over & ~final,
            over & solved,
        )

    def observe(self, world, state):
        return {"number": world, **state}

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        whole, drawn = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.int32, jnp.uint32))
        return {"number": whole, "time": whole, "start": drawn, "now": drawn}

    def optimal_return(self, level):
        best = (level + (NUM_ACTIONS - 1) * PER_ACTION).astype(jnp.float32)
        return best + self.luck * ((LUCKS - 1) / LUCKS)

    def level_metrics(self, level):
        measured = {"number": level.astype(jnp.float32)}
        return measured | ({"passable": (level > 0).astype(jnp.float32)} if self.judges else {})


def luck_of(start):
    return (start % LUCKS).astype(jnp.float32) / LUCKS


class Scripted(AbstractPolicy):
    """Acts by fixed preferences: a row for each step since its memory was cleared, and the last one
    from then on. Of its two values, the first is the level's number and a sixteenth
    for each step since its memory was cleared, the second twice that; both are higher by `offset`.
    """

    preferences: jax.Array
    offset: jax.Array

    @property
    def has_memory(self):
        return True

    def initial_memory(self, batch_shape=()):
        return jnp.zeros(batch_shape, jnp.int32)

    def step(self, observation, memory, reset):
        memory = jnp.where(reset, 0, memory) + 1
        known = observation["number"].astype(jnp.float32) + memory.astype(jnp.float32) / 16
        logits = self.preferences[jnp.minimum(memory, len(self.preferences)) - 1]
        values = jnp.stack([known, 2 * known], axis=-1) + self.offset
        return Predictions(Categorical(logits), values), memory

    def scan(self, observations, memory, resets):
        raise NotImplementedError


class Taught(AbstractLearner):
    """The two advantages are the reward times `ADVANTAGE_FACTORS`. An update keeps what it was
    given, if it remembers, and `loss` is the mean reward. Inside a conditional the lesson must have
    its shape beforehand."""

    action: int | None = None
    remembers: bool = True

    @property
    def needs_truncation_values(self):
        return False

    @property
    def gradient_steps_per_update(self):
        return 1

    @property
    def num_useful_updates(self):
        return None

    def init(self, observation, actions, *, key):
        return scripted(self.action, actions.num_actions)

    def check(self, agent, num_steps, num_plays):
        pass

    def estimate(self, trajectory):
        advantages = jnp.stack([factor * trajectory.rewards for factor in ADVANTAGE_FACTORS], -1)
        return Estimates(advantages, advantages + 1)

    def update(self, agent, trajectory, estimates, *, weights=None, key):
        lesson = {
            "rewards": trajectory.rewards,
            "actions": trajectory.actions,
            "last_values": trajectory.last_values,
            "resets": trajectory.resets,
            "advantages": estimates.advantages,
            "targets": estimates.targets,
            "key": jax.random.key_data(key),
        }
        if weights is not None:
            lesson["weights"] = weights
        metrics = {"loss": jnp.mean(trajectory.rewards)}
        lesson = lesson if self.remembers else None
        return Agent(agent.network, lesson, agent.num_updates + 1), metrics


def scripted(action, num_actions=NUM_ACTIONS, lesson=None):
    """An agent that takes the same action always, or any if it is None."""
    certain = 1e6 * jax.nn.one_hot(jnp.array([-1 if action is None else action]), num_actions)
    offset = jnp.asarray(1000.0 * (action or 0))
    return Agent(Scripted(certain, offset), lesson, jnp.zeros((), jnp.int32))


def students(*actions):
    """A population of which each takes its own action always."""
    agents = [scripted(action) for action in actions]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *agents)


def undecided_students(num_students):
    """A population of equals that take any action."""
    return students(*[None] * num_students)
