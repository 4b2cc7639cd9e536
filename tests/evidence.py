"""Evidence made by hand or at random, and how tests score it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.rollouts import Evidence

NUM_LEVELS = 16


def make_evidence(rewards, dones, *, values=None, advantages=None, successes=None):
    """Evidence in which everything that is not given is 0, with as many value heads as given."""
    rewards = jnp.asarray(rewards, jnp.float32)
    given = [x for x in (values, advantages) if x is not None]
    zeros = jnp.zeros(given[0].shape if given else (*rewards.shape, 1))
    return Evidence(
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        rewards=rewards,
        dones=jnp.asarray(dones, bool),
        successes=jnp.zeros(rewards.shape, bool) if successes is None else jnp.asarray(successes),
        values=zeros if values is None else jnp.asarray(values),
        advantages=zeros if advantages is None else jnp.asarray(advantages),
    )


def one_play(rewards, dones, **quantities):
    """Evidence of one student on one level, played once; quantities per step."""
    column = lambda x: jnp.asarray(x)[None, :, None, None]  # noqa: E731
    heads = {
        name: column(x)[..., None] if name in ("values", "advantages") else column(x)
        for name, x in quantities.items()
    }
    return make_evidence(column(jnp.asarray(rewards, jnp.float32)), column(dones), **heads)


@eqx.filter_jit
def evaluate(score, evidence, records):
    return score(evidence, records)


def fresh_records(score, num_levels):
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * num_levels), score.init())


def score_of(score, evidence):
    return evaluate(score, evidence, fresh_records(score, evidence.rewards.shape[2]))[0]


@functools.cache
def random_evidence(seed):
    """Two students, 12 steps, 16 levels of which some are never finished, 2 trials, 3 heads."""
    generator = np.random.default_rng(seed)
    shape = (2, 12, NUM_LEVELS, 2)
    chance = generator.choice([0.0, 0.1, 0.5], size=(NUM_LEVELS, 1))
    dones = generator.random(shape) < chance
    return make_evidence(
        generator.normal(size=shape),
        dones,
        values=generator.normal(size=(*shape, 3)).astype(np.float32),
        advantages=generator.normal(size=(*shape, 3)).astype(np.float32),
        successes=dones & (generator.random(shape) < 0.5),
    )
