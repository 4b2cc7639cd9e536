"""Parts that hold or learn `eqx.nn` layers, whose leaves are not all arrays: they run, they are
saved, and they go on."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import run
from minimax_eqx.curricula import (
    AbstractCurriculum,
    AbstractLevelSource,
    AbstractPrioritisation,
    AdversarialDesign,
    DomainRandomisation,
    LevelReplay,
    Proposal,
    SamplingForLearnability,
    SideBySide,
)
from minimax_eqx.envs import AbstractLevelGenerator, AbstractLevelMutator
from minimax_eqx.rollouts import Episodes
from minimax_eqx.runners import member, run_members
from minimax_eqx.runners._saving import load, save
from minimax_eqx.scores import AbstractScore

from ..small import ENV, GENERATOR, make_runner
from ..states import arrays, assert_same_state, copied


def mlp(out_size=1, key=None):
    return eqx.nn.MLP(2, out_size, 3, 1, key=jax.random.key(0) if key is None else key)


def learned(layers):
    return jax.tree.map(lambda x: 0.9 * x if eqx.is_inexact_array(x) else x, layers)


def drawn_by(layers, key):
    """A level whose agent looks where the layers say."""
    level = GENERATOR.sample(ENV.level_spec(), key=key)
    direction = jnp.argmax(layers(jax.random.normal(key, (2,))))
    return eqx.tree_at(
        lambda level: level.agent_dir, level, direction.astype(level.agent_dir.dtype)
    )


class LayeredGenerator(AbstractLevelGenerator):
    layers: eqx.nn.MLP

    def sample(self, level, *, key):
        return drawn_by(self.layers, key)


class LayeredMutator(AbstractLevelMutator):
    layers: eqx.nn.MLP

    def mutate(self, level, *, key):
        return drawn_by(self.layers, key)


class LearnedSource(AbstractLevelSource):
    def init(self, level, *, key):
        return mlp(4, key)

    def draw(self, state, num_levels, *, key):
        keys = jax.random.split(key, num_levels)
        return jax.vmap(lambda key: drawn_by(state, key))(keys), jnp.zeros(num_levels)

    def learn(self, state, memory, payoffs, *, key):
        return learned(state), {"paid": jnp.mean(payoffs)}


class LearnedScore(AbstractScore):
    can_be_negative = True

    def init(self, evidence, *, key):
        return None, mlp(1, key)

    def __call__(self, evidence, records, state):
        counts = jnp.sum(Episodes.of(evidence).counts_per_play, axis=(0, 2)).astype(jnp.float32)
        scores = jax.vmap(state)(jnp.stack([counts, counts + 1], axis=1))[:, 0]
        return scores, None, learned(state)

    def merge(self, record, news):
        return None

    def metrics(self, state):
        return {"weight": jnp.mean(state.layers[0].weight)}


class LearnedPrioritisation(AbstractPrioritisation):
    needs_nonnegative_scores = False

    def init(self, capacity):
        return mlp()

    def admission_weights(self, state, scores, ranks, filled, records):
        both = jnp.stack([ranks, ranks + 1], axis=1).astype(jnp.float32)
        return jax.nn.softplus(jax.vmap(state)(both)[:, 0])

    def replay_weights(self, state, buffer):
        places = jnp.arange(buffer.scores.size)
        return self.admission_weights(state, buffer.scores, places, buffer.filled, None)

    def update(self, state, before, after, scored, updated):
        return learned(state)


class LearnedCurriculum(AbstractCurriculum):
    levels_per_cycle: int = 4

    def init(self, evidence, *, key):
        return mlp(4)

    def propose(self, state, *, key):
        keys = jax.random.split(key, self.levels_per_cycle)
        return state, Proposal(jax.vmap(lambda key: drawn_by(state, key))(keys))

    def learn(self, state, proposal, evidence, *, key):
        return learned(state), {}


def level_replay(generator, **options):
    return LevelReplay(
        generator,
        LearnedScore(),
        mutator=LayeredMutator(mlp(4)),
        prioritisation=LearnedPrioritisation(),
        num_levels=2,
        capacity=4,
        **options,
    )


# What makes a curriculum, and whether anything in it learns.
CURRICULA = {
    "a curriculum": (LearnedCurriculum, True),
    "domain randomisation": (
        lambda: DomainRandomisation(LayeredGenerator(mlp(4)), 4, 1),
        False,
    ),
    "level replay": (lambda: level_replay(LearnedSource()), True),
    "parallel level replay": (
        lambda: level_replay(LayeredGenerator(mlp(4)), schedule=SideBySide()),
        True,
    ),
    "a search": (
        lambda: SamplingForLearnability(
            LayeredGenerator(mlp(4)),
            LearnedScore(),
            num_levels=4,
            num_plays=2,
            num_candidates=4,
            capacity=2,
        ),
        True,
    ),
    "adversarial design": (
        lambda: AdversarialDesign(LearnedSource(), LearnedScore(), num_levels=4),
        True,
    ),
}


def is_layers(node):
    return isinstance(node, eqx.nn.MLP)


def layers_of(tree):
    return [node for node in jax.tree.leaves(tree, is_leaf=is_layers) if is_layers(node)]


@pytest.mark.parametrize("name", CURRICULA)
def test_layers_may_be_anywhere_in_a_curriculum(name):
    make, learns = CURRICULA[name]
    runner = eqx.filter_eval_shape(
        lambda key: make_runner(key, curriculum=make(), core="feedforward"), jax.random.key(0)
    )
    after, metrics = eqx.filter_eval_shape(lambda runner: run(runner, 2), runner)
    assert jax.tree.structure(after) == jax.tree.structure(runner)
    assert metrics["return"].shape == (2,)
    assert layers_of(runner)
    assert (len(layers_of(runner.curriculum_state)) > 0) == learns


def test_layers_that_learn_are_saved_with_the_runner_and_go_on(getkey, tmp_path):
    """A source, a score and a prioritisation that learn, and a mutator that holds layers."""
    runner = make_runner(getkey(), curriculum=level_replay(LearnedSource()), core="feedforward")
    before = layers_of(copied(runner))
    runner, metrics = run(runner, 3)
    learned_too = [
        not eqx.tree_equal(*pair) for pair in zip(before, layers_of(runner), strict=True)
    ]
    assert learned_too == [False, True, True, True]
    assert np.isfinite(metrics["score_weight"]).all()
    loaded = load(save(tmp_path / "runner.npz", runner), runner)
    expected, _ = run(runner, 3)
    assert_same_state(run(loaded, 3)[0], expected)


def test_members_whose_parts_hold_layers_train_and_layers_learn(getkey):
    def make(key):
        return make_runner(key, curriculum=LearnedCurriculum(), core="feedforward")

    runners = eqx.filter_vmap(make)(jax.random.split(getkey(), 2))
    runners, metrics = run_members(runners, 2)
    assert metrics["return"].shape == (2, 2)
    (layers,) = layers_of(member(runners, 1))
    for name, array in arrays(layers).items():
        np.testing.assert_allclose(array, arrays(mlp(4))[name] * 0.9**2, rtol=1e-6)
