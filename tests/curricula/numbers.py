"""Curricula of levels that are numbers, without an environment: how tests begin them, and say what
happened on what they propose."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.curricula import AbstractCurriculum
from minimax_eqx.envs import AbstractLevelGenerator
from minimax_eqx.rollouts import Evidence

from ..evidence import structure

NUMBER = jax.ShapeDtypeStruct((), jnp.int32)
KEY = jax.random.key(0)


class Numbers(AbstractLevelGenerator):
    """Draws multiples of `step`, all different as good as always."""

    step: int = 1

    def sample(self, level, *, key):
        return self.step * jax.random.randint(key, level.shape, 1, 1_000_000, level.dtype)


class Going(eqx.Module):
    """A curriculum and its state."""

    curriculum: AbstractCurriculum
    state: Any

    @property
    def buffer(self):
        return self.state.buffer

    def with_buffer(self, buffer):
        return eqx.tree_at(lambda going: going.state.buffer, self, buffer)


def going(curriculum, num_students=1, num_trials=1, level=NUMBER, key=KEY):
    """A curriculum that begins."""
    num_levels = curriculum.levels_per_cycle
    levels = jax.tree.map(lambda s: jnp.zeros((num_levels, *s.shape), s.dtype), level)
    zeros = np.zeros((num_students, num_levels, num_trials))
    evidence = structure(evidence_of(zeros, levels=levels))
    return Going(curriculum, curriculum.init(evidence, key=key))


@eqx.filter_jit
def propose(going, key):
    state, proposal = going.curriculum.propose(going.state, key=key)
    return Going(going.curriculum, state), proposal


@eqx.filter_jit
def learn(going, proposal, evidence, key):
    state, metrics = going.curriculum.learn(going.state, proposal, evidence, key=key)
    return Going(going.curriculum, state), metrics


def evidence_of(returns, *, successes=False, finished=True, values=0.0, levels=None):
    """One episode of two steps in each play, which ends with these returns; all that is given has
    the axes `student level trial`, or fewer from the left."""
    returns = jnp.asarray(returns, jnp.float32)
    returns = returns.reshape((1,) * (3 - returns.ndim) + returns.shape)

    def at_the_end(quantity, dtype):
        quantity = jnp.broadcast_to(jnp.asarray(quantity, dtype), returns.shape)
        return jnp.stack([jnp.zeros_like(quantity), quantity], axis=1)

    rewards, ends = at_the_end(returns, jnp.float32), at_the_end(finished, bool)
    values = jnp.broadcast_to(jnp.asarray(values, jnp.float32), returns.shape)
    return Evidence(
        levels=jnp.zeros(returns.shape[1], jnp.int32) if levels is None else levels,
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        distributions=None,
        log_probs=jnp.zeros(rewards.shape),
        rewards=rewards,
        terminated=ends,
        truncated=jnp.zeros_like(ends),
        successes=at_the_end(successes, bool),
        values=jnp.stack([values, values], axis=1)[..., None],
        advantages=rewards[..., None],
        students=None,
    )
