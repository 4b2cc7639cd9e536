"""Parts that hold `eqx.nn` layers, whose leaves are not all arrays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import (
    AbstractCurriculum,
    AbstractPrioritisation,
    AdversarialDesign,
    DomainRandomisation,
    LevelReplay,
    Proposal,
    Sampled,
    SamplingForLearnability,
)
from minimax_eqx.envs import AbstractLevelGenerator, AbstractLevelMutator
from minimax_eqx.rollouts import finished_episodes
from minimax_eqx.runners import member, run_members
from minimax_eqx.scores import AbstractMemorylessScore

from ..small import GENERATOR, make_runner


def mlp(out_size=1):
    return eqx.nn.MLP(2, out_size, width_size=3, depth=1, key=jax.random.key(0))


def drawn_by(layers, key):
    """A level whose agent looks where the layers say."""
    level = GENERATOR.sample(key)
    direction = jnp.argmax(layers(jax.random.normal(key, (2,))))
    return eqx.tree_at(
        lambda level: level.agent_dir, level, direction.astype(level.agent_dir.dtype)
    )


class LayeredGenerator(AbstractLevelGenerator):
    layers: eqx.nn.MLP

    def sample(self, key):
        return drawn_by(self.layers, key)


class LayeredScore(AbstractMemorylessScore):
    layers: eqx.nn.MLP
    can_be_negative = True

    def score(self, evidence):
        counts = finished_episodes(evidence)[0].astype(jnp.float32)
        return jax.vmap(self.layers)(jnp.stack([counts, counts + 1], axis=1))[:, 0]


class LayeredMutator(AbstractLevelMutator):
    layers: eqx.nn.MLP

    def mutate(self, level, *, key):
        del level
        return drawn_by(self.layers, key)


class LayeredPrioritisation(AbstractPrioritisation):
    layers: eqx.nn.MLP
    needs_nonnegative_scores = False

    def weights(self, scores, ranks, filled):
        del scores, filled
        both = jnp.stack([ranks, ranks + 1], axis=1).astype(jnp.float32)
        return jax.nn.softplus(jax.vmap(self.layers)(both)[:, 0])


class LayeredCurriculum(AbstractCurriculum):
    layers: eqx.nn.MLP
    num_levels: int = eqx.field(static=True, default=4)

    def check(self, num_students, num_trials, num_value_heads):
        pass

    def propose(self, key):
        keys = jax.random.split(key, self.num_levels)
        return self, Proposal(jax.vmap(lambda key: drawn_by(self.layers, key))(keys))

    def learn(self, proposal, evidence, *, key):
        layers = jax.tree.map(lambda x: x * 0.9 if eqx.is_array(x) else x, self.layers)
        return LayeredCurriculum(layers, self.num_levels), {}


def level_replay(**options):
    return LevelReplay.create(
        LayeredGenerator(mlp(4)),
        LayeredScore(mlp()),
        mutator=LayeredMutator(mlp(4)),
        prioritisation=LayeredPrioritisation(mlp()),
        batch_size=2,
        capacity=4,
        **options,
    )


CURRICULA = {
    "a curriculum": lambda: LayeredCurriculum(mlp(4)),
    "domain randomisation": lambda: DomainRandomisation(LayeredGenerator(mlp(4)), 4, 1),
    "level replay": level_replay,
    "parallel level replay": lambda: level_replay(parallel=True),
    "a search": lambda: SamplingForLearnability.create(
        LayeredGenerator(mlp(4)),
        score=LayeredScore(mlp()),
        num_levels=4,
        num_plays=2,
        num_candidates=4,
        capacity=2,
    ),
    "adversarial design": lambda: AdversarialDesign(
        Sampled(LayeredGenerator(mlp(4))), LayeredScore(mlp()), num_levels=4
    ),
}


@pytest.mark.parametrize("name", CURRICULA)
def test_layers_may_be_anywhere_in_a_curriculum(name, getkey):
    runner = make_runner(getkey(), curriculum=CURRICULA[name](), core="feedforward")

    def two_cycles(runner):
        runner, _ = runner.step()
        return runner.step()

    after, metrics = eqx.filter_eval_shape(two_cycles, runner)
    assert jax.tree.structure(after) == jax.tree.structure(runner)
    assert "return" in metrics


def test_members_whose_parts_hold_layers_train_and_layers_learn(getkey):
    def make(key):
        return make_runner(key, curriculum=LayeredCurriculum(mlp(4)), core="feedforward")

    runners = eqx.filter_vmap(make)(jax.random.split(getkey(), 2))
    runners, metrics = run_members(runners, 2)
    assert metrics["return"].shape == (2, 2)
    layers = member(runners, 1).curriculum.layers
    np.testing.assert_allclose(layers.layers[0].weight, mlp(4).layers[0].weight * 0.9**2, rtol=1e-6)
