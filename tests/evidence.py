"""Evidence made by hand or at random, and how tests score it."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.agents import PPO
from minimax_eqx.agents._population import population
from minimax_eqx.envs import Discrete
from minimax_eqx.nets import LSTM, ActorCritic, FlatEncoder, MLPHead
from minimax_eqx.nets._distributions import Categorical
from minimax_eqx.rollouts import Evidence

NUM_LEVELS = 16
NUM_ACTIONS = 3


KEY = jax.random.key(0)


make_evidence = Evidence.by_hand


def one_play(rewards, dones, **quantities):
    """Evidence of one student on one level, played once; quantities per step."""
    column = lambda x: jnp.asarray(x)[None, :, None, None]  # noqa: E731
    heads = {
        name: column(x)[..., None] if name in ("values", "advantages") else column(x)
        for name, x in quantities.items()
    }
    return make_evidence(column(jnp.asarray(rewards, jnp.float32)), column(dones), **heads)


def structure(tree):
    """The same evidence, or anything else, before anything was played: shapes and types alone."""
    return eqx.filter_eval_shape(lambda tree: tree, tree)


def permuted(evidence, order):
    """The evidence with its levels in another order."""
    of_no_play = lambda e: (e.levels, e.optimum, e.students)  # noqa: E731
    plays = eqx.tree_at(of_no_play, evidence, (None,) * 3, is_leaf=lambda leaf: leaf is None)
    plays = jax.tree.map(lambda leaf: leaf[:, :, order], plays)
    by_level = jax.tree.map(lambda leaf: leaf[order], (evidence.levels, evidence.optimum))
    whole = (*by_level, evidence.students)
    return eqx.tree_at(of_no_play, plays, whole, is_leaf=lambda leaf: leaf is None)


@eqx.filter_jit
def evaluate(score, evidence, records, state=None):
    """The scores, the news, and the state."""
    return score(evidence, records, state)


def begin(score, evidence):
    """A record of each level, none of them played, and the first state."""
    record, state = score.init(structure(evidence), key=KEY)
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * evidence.rewards.shape[2]), record), state


def score_of(score, evidence):
    return evaluate(score, evidence, *begin(score, evidence))[0]


@functools.cache
def random_students():
    """Two small ones that read pairs of numbers."""
    learner = PPO(ActorCritic(FlatEncoder(4), LSTM(4), MLPHead(4), 3))
    pair = jax.ShapeDtypeStruct((2,), jnp.float32)
    make = lambda key: population(learner, 2, pair, Discrete(NUM_ACTIONS), key=key)  # noqa: E731
    return eqx.filter_jit(make)(KEY)


@functools.cache
def random_evidence(seed):
    """Two students, 12 steps, 16 levels of which some are never finished, 2 trials, 3 heads."""
    generator = np.random.default_rng(seed)
    shape = (2, 12, NUM_LEVELS, 2)
    chance = generator.choice([0.0, 0.1, 0.5], size=(NUM_LEVELS, 1))
    dones = generator.random(shape) < chance
    evidence = make_evidence(
        generator.normal(size=shape),
        dones,
        values=generator.normal(size=(*shape, 3)).astype(np.float32),
        advantages=generator.normal(size=(*shape, 3)).astype(np.float32),
        successes=dones & (generator.random(shape) < 0.5),
        # No episode of random rewards does better.
        optimum=jnp.full(NUM_LEVELS, 100.0),
    )
    return dataclasses.replace(
        evidence,
        observations=jnp.asarray(generator.normal(size=(*shape, 2)), jnp.float32),
        actions=jnp.asarray(generator.integers(0, NUM_ACTIONS, shape), jnp.int32),
        distributions=Categorical(jnp.zeros((*shape, NUM_ACTIONS))),
        students=random_students(),
    )
