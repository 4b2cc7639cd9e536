"""Levels that are numbers and pay them, so that every return is known beforehand.

`NumberedLevels` plays them, `Numbers` draws them, `DigitEditor` designs them, a `Scripted` agent
does what it is told and remembers its last lesson, and a `Watched` curriculum shows what it got.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.agents import AbstractAgent, Estimates, population
from minimax_eqx.curricula import AbstractCurriculum, Proposal
from minimax_eqx.envs import AbstractEnv, AbstractLevelEditor, AbstractLevelGenerator, TimeStep
from minimax_eqx.nets import Predictions
from minimax_eqx.rollouts import Evidence

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

    num_actions: int = eqx.field(static=True, default=NUM_ACTIONS)
    max_episode_steps: int = eqx.field(static=True, default=EPISODE)
    luck: float = eqx.field(static=True, default=0.0)
    judges: bool = eqx.field(static=True, default=True)

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

    def level_metrics(self, level):
        measured = {"number": level.astype(jnp.float32)}
        return measured | ({"passable": (level > 0).astype(jnp.float32)} if self.judges else {})


def luck_of(start):
    return (start % LUCKS).astype(jnp.float32) / LUCKS


class Numbers(AbstractLevelGenerator):
    """Draws multiples of `step`, all different as good as always."""

    step: int = eqx.field(static=True, default=1)

    def sample(self, key):
        return self.step * jax.random.randint(key, (), 1, 1_000_000)


class DigitEditor(AbstractLevelEditor):
    """Three actions are the last three digits of a number; its first digit is the blank."""

    num_actions: int = eqx.field(static=True, default=10)
    max_episode_steps: int = eqx.field(static=True, default=3)

    def blank(self, key):
        return jax.random.randint(key, (), 1, 10)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return {"number": world, "time": jnp.zeros((), jnp.int32)}

    def step(self, world, state, action, *, key):
        number, time = 10 * state["number"] + action.astype(jnp.int32), state["time"] + 1
        false = jnp.zeros((), bool)
        over = time >= self.max_episode_steps
        return TimeStep({"number": number, "time": time}, jnp.zeros(()), over, false, false)

    def observe(self, world, state):
        return state

    def level(self, state):
        return state["number"]

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        return {name: jax.ShapeDtypeStruct((), jnp.int32) for name in ("number", "time")}

    def level_metrics(self, level):
        return {}


class Scripted(AbstractAgent[Any]):
    """Acts by fixed preferences: a row for each step since its memory was cleared, and the last one
    from then on. Of its two values, the first is the level's number and a sixteenth
    for each step since its memory was cleared, the second twice that; both are higher by `offset`.
    The two advantages are the reward times `ADVANTAGE_FACTORS`. An update keeps what it was given,
    and `loss` is the mean reward. Inside a conditional `lesson` must have its shape beforehand."""

    preferences: jax.Array
    offset: jax.Array
    num_updates: jax.Array
    lesson: Any = None

    @property
    def needs_truncation_values(self):
        return False

    def initial_carry(self, batch_shape=()):
        return jnp.zeros(batch_shape, jnp.int32)

    def predict(self, observation, carry, reset):
        carry = jnp.where(reset, 0, carry) + 1
        known = observation["number"].astype(jnp.float32) + carry.astype(jnp.float32) / 16
        logits = self.preferences[jnp.minimum(carry, len(self.preferences)) - 1]
        return Predictions(logits, jnp.stack([known, 2 * known], axis=-1) + self.offset), carry

    def estimate(self, trajectory):
        advantages = jnp.stack([factor * trajectory.rewards for factor in ADVANTAGE_FACTORS], -1)
        return Estimates(advantages, advantages + 1)

    def update(self, trajectory, estimates, *, key):
        lesson = {
            "rewards": trajectory.rewards,
            "actions": trajectory.actions,
            "last_values": trajectory.last_values,
            "advantages": estimates.advantages,
            "targets": estimates.targets,
            "key": jax.random.key_data(key),
        }
        metrics = {"loss": jnp.mean(trajectory.rewards)}
        return Scripted(self.preferences, self.offset, self.num_updates + 1, lesson), metrics

    def gradient_steps_per_update(self):
        return 1


def scripted(action, num_actions=NUM_ACTIONS, lesson=None):
    """An agent that takes the same action always, or any if it is None."""
    certain = 1e6 * jax.nn.one_hot(jnp.array([-1 if action is None else action]), num_actions)
    offset = jnp.asarray(1000.0 * (action or 0))
    return Scripted(certain, offset, jnp.zeros((), jnp.int32), lesson)


def students(*actions):
    """A population of which each takes its own action always."""
    agents = [scripted(action) for action in actions]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *agents)


def undecided_students(num_students):
    """A population of equals that take any action."""
    return population(lambda _: scripted(None), num_students, key=jax.random.key(0))


class Watched(AbstractCurriculum):
    """Another curriculum, and what it last proposed and was told."""

    inner: AbstractCurriculum
    num_levels: int = eqx.field(static=True)
    proposal: Any = None
    evidence: Any = None

    def __init__(self, inner, proposal=None, evidence=None):
        self.inner, self.num_levels = inner, inner.num_levels
        self.proposal, self.evidence = proposal, evidence

    def check(self, num_students, num_trials, num_value_heads):
        self.inner.check(num_students, num_trials, num_value_heads)

    def propose(self, key):
        inner, proposal = self.inner.propose(key)
        return Watched(inner), proposal

    def learn(self, proposal, evidence, *, key):
        inner, metrics = self.inner.learn(proposal, evidence, key=key)
        return Watched(inner, proposal, evidence), metrics


class Given(AbstractCurriculum):
    """Proposes the same always, and learns nothing."""

    proposal: Proposal
    num_levels: int = eqx.field(static=True)

    def __init__(self, levels, **options):
        self.proposal, self.num_levels = Proposal(jnp.asarray(levels), **options), len(levels)

    def check(self, num_students, num_trials, num_value_heads):
        pass

    def propose(self, key):
        return self, self.proposal

    def learn(self, proposal, evidence, *, key):
        return self, {}


@eqx.filter_jit
def step(runner):
    return runner.step()


@eqx.filter_jit
def propose(curriculum, key):
    return curriculum.propose(key)


@eqx.filter_jit
def learn(curriculum, proposal, evidence, key):
    return curriculum.learn(proposal, evidence, key=key)


def evidence_of(returns, *, successes=False, finished=True, values=0.0):
    """One episode of two steps in each play, which ends with these returns; all that is given has
    the axes `student level trial`, or fewer from the left."""
    returns = np.asarray(returns, np.float32)
    returns = returns.reshape((1,) * (3 - returns.ndim) + returns.shape)

    def at_the_end(quantity, dtype):
        quantity = np.broadcast_to(np.asarray(quantity, dtype), returns.shape)
        return jnp.asarray(np.stack([np.zeros_like(quantity), quantity], axis=1))

    rewards = at_the_end(returns, np.float32)
    values = np.broadcast_to(np.asarray(values, np.float32), returns.shape)
    return Evidence(
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        rewards=rewards,
        dones=at_the_end(finished, bool),
        successes=at_the_end(successes, bool),
        values=jnp.asarray(np.stack([values, values], axis=1)[..., None]),
        advantages=rewards[..., None],
    )
