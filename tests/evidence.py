"""Evidence made by hand or at random, and how tests score it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.rollouts import Evidence

NUM_LEVELS = 16


KEY = jax.random.key(0)


def make_evidence(
    rewards, dones, *, values=None, advantages=None, successes=None, optimum=None, levels=None
):
    """Evidence in which everything that is not given is 0, with as many value heads as given.

    Levels are numbered where none are given, and episodes end by the environment's rules.
    """
    rewards = jnp.asarray(rewards, jnp.float32)
    dones = jnp.asarray(dones, bool)
    given = [x for x in (values, advantages) if x is not None]
    zeros = jnp.zeros(given[0].shape if given else (*rewards.shape, 1))
    return Evidence(
        levels=jnp.arange(rewards.shape[2]) if levels is None else levels,
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        distributions=None,
        log_probs=jnp.zeros(rewards.shape),
        rewards=rewards,
        terminated=dones,
        truncated=jnp.zeros_like(dones),
        successes=jnp.zeros_like(dones) if successes is None else jnp.asarray(successes),
        values=zeros if values is None else jnp.asarray(values),
        advantages=zeros if advantages is None else jnp.asarray(advantages),
        students=None,
        optimum=optimum,
    )


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
    by_level = lambda e: (e.levels, e.optimum)  # noqa: E731
    plays = eqx.tree_at(by_level, evidence, (None, None), is_leaf=lambda leaf: leaf is None)
    plays = jax.tree.map(lambda leaf: leaf[:, :, order], plays)
    reordered = jax.tree.map(lambda leaf: leaf[order], by_level(evidence))
    return eqx.tree_at(by_level, plays, reordered, is_leaf=lambda leaf: leaf is None)


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
        # No episode of random rewards does better.
        optimum=jnp.full(NUM_LEVELS, 100.0),
    )
