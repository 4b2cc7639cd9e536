"""Every part of a curriculum that the package has, by the same laws; a new one is found by being
there."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minimax_eqx.curricula
from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.curricula import (
    NCC,
    AbstractCurriculum,
    AbstractLevelSource,
    AbstractPrioritisation,
    AdversarialDesign,
    DomainRandomisation,
    FixedTasks,
    LearnedGenerator,
    LevelReplay,
    SamplingForLearnability,
)
from minimax_eqx.curricula._admission import AbstractAdmission
from minimax_eqx.curricula._both_scores import BothScores
from minimax_eqx.curricula._box_source import AbstractBoxSource
from minimax_eqx.curricula._generator_mixture import GeneratorMixture
from minimax_eqx.curricula._lessons import AbstractLessons
from minimax_eqx.curricula._level_source import Sampled
from minimax_eqx.curricula._parents import AbstractParents
from minimax_eqx.curricula._prefilter import Prefilter
from minimax_eqx.curricula._prioritisation import TopK
from minimax_eqx.curricula._remidi import ReMiDi
from minimax_eqx.curricula._schedules import AbstractSchedule
from minimax_eqx.envs import AbstractLevelGenerator, AbstractLevelMutator
from minimax_eqx.envs._few_levels import FewLevels
from minimax_eqx.scores import AbstractScore, NegativeReturn
from minimax_eqx.scores._second_score import SecondScore
from minimax_eqx.scores._values import L1ValueLoss

from ..numbered_levels import DigitDesign, Numbers, Taught, evidence_of, going, learn, propose

SIZES = {"num_levels": 6, "capacity": 8}
SEARCH = {"num_levels": 6, "capacity": 4, "num_plays": 2, "num_candidates": 6}


class Increment(AbstractLevelMutator):
    def mutate(self, level, *, key):
        return level + 1


LEARNED = LearnedGenerator(DigitDesign(), Taught(remembers=False))
# How to make what has no default for everything, or defaults that are too large for a test.
EXAMPLES = {
    AdversarialDesign: lambda: AdversarialDesign(LEARNED, NegativeReturn(), num_levels=6),
    DomainRandomisation: lambda: DomainRandomisation(Numbers(), num_levels=6),
    FixedTasks: lambda: FixedTasks(FewLevels(Numbers(), 5), num_levels=6),
    LearnedGenerator: lambda: LEARNED,
    LevelReplay: lambda: LevelReplay(Numbers(), mutator=Increment(), **SIZES),
    Sampled: lambda: Sampled(Numbers()),
    GeneratorMixture: lambda: GeneratorMixture((Numbers(), Numbers(2)), num_levels=6),
    NCC: lambda: NCC(Numbers(), num_new_levels=2, num_levels=6, capacity=4, num_plays=2),
    Prefilter: lambda: Prefilter(Numbers(), num_networks=2, window=8, num_gradient_steps=1),
    ReMiDi: lambda: ReMiDi(LevelReplay(Numbers(), **SIZES), updates_per_buffer=2),
    SamplingForLearnability: lambda: SamplingForLearnability(Numbers(), **SEARCH),
    TopK: lambda: TopK(5),
}


class WithAnother(AbstractScore):
    """A score with a second one, which is its square root."""

    can_be_negative = False

    def init(self, evidence, *, key):
        return SecondScore.blank(None), None

    def __call__(self, evidence, records, state):
        scores = L1ValueLoss().formula(evidence)
        cycles = jnp.zeros(scores.shape, jnp.int32)
        return scores, SecondScore(None, cycles, jnp.sqrt(scores), jnp.ones_like(scores)), None

    def merge(self, record, news):
        return record.with_news(None, news)

    def metrics(self, state):
        return {}


# The field of level replay that each kind of part is for.
FIELDS = {
    AbstractAdmission: "admission",
    AbstractLessons: "learn_from",
    AbstractParents: "parents",
    AbstractPrioritisation: "prioritisation",
    AbstractSchedule: "schedule",
}


def final_subclasses(base):
    """Those in the package that nothing derives from."""
    found = []
    for cls in base.__subclasses__():
        if cls.__module__.startswith(minimax_eqx.curricula.__name__):
            found += final_subclasses(cls) or [cls]
    return [cls for cls in found if not inspect.isabstract(cls)]


def example(cls):
    return EXAMPLES.get(cls, cls)()


PARTS = {field: final_subclasses(base) for base, field in FIELDS.items()}
BOX_SOURCES = final_subclasses(AbstractBoxSource)  # `test_box_sources.py` plays them
SOURCES = [cls for cls in final_subclasses(AbstractLevelSource) if cls not in BOX_SOURCES]
CURRICULA = final_subclasses(AbstractCurriculum)
EVERY_CLASS = sorted(
    {cls for classes in (CURRICULA, SOURCES, BOX_SOURCES, *PARTS.values()) for cls in classes},
    key=lambda cls: cls.__name__,
)


def replay_with(generator, **parts):
    needs_two = isinstance(parts.get("prioritisation"), BothScores)
    score = WithAnother() if needs_two else L1ValueLoss()
    options = {"score": score, "min_fill_ratio": 0.1, **SIZES, **parts}
    return LevelReplay(generator, **options)


def plays(curriculum, num_cycles=8):
    """Cycles in one compiled loop; gives what was proposed, and the metrics."""

    def cycle(going, key):
        propose_key, learn_key, return_key = jax.random.split(key, 3)
        going, proposal = propose(going, propose_key)
        returns = jax.random.uniform(return_key, (curriculum.levels_per_cycle, 1))
        evidence = evidence_of(returns, successes=returns > 0.5, levels=proposal.levels)
        going, metrics = learn(going, proposal, evidence, learn_key)
        return going, (proposal.levels, proposal.update_students, metrics)

    keys = jax.random.split(jax.random.key(1), num_cycles)
    begun = going(curriculum)
    after, result = eqx.filter_jit(lambda begun: filter_scan(cycle, begun, keys))(begun)
    return begun, after, result


@pytest.mark.parametrize("cls", EVERY_CLASS)
def test_a_part_is_plain_and_says_what_was_written(cls):
    part = example(cls)
    assert not any(eqx.is_array(leaf) for leaf in jax.tree.leaves(part))
    assert eqx.tree_equal(part, example(cls)) is True
    assert repr(part).startswith(f"{cls.__name__}(")


@pytest.mark.parametrize("cls", [cls for cls in CURRICULA if cls is not LevelReplay])
def test_a_curriculum_goes_on_in_a_compiled_loop(cls):
    curriculum = example(cls)
    _, after, (levels, _, metrics) = plays(curriculum)
    assert levels.shape == (8, curriculum.levels_per_cycle)
    assert_stored(curriculum.stored(after.state))
    assert (np.asarray(levels) > 0).all()
    assert all(value.shape == (8,) for value in metrics.values())


def assert_stored(stored):
    """What a curriculum says of its levels holds together, if it keeps any."""
    if stored is None:
        return
    filled = np.asarray(stored.filled)
    np.testing.assert_allclose(np.sum(stored.chances), float(filled.any()), atol=1e-5)
    assert (np.asarray(stored.chances)[~filled] == 0).all()
    shares = [share for share in (stored.by_score, stored.by_age) if share is not None]
    assert (sum(map(np.asarray, shares)) <= np.asarray(stored.chances) + 1e-6).all()
    if stored.num_plays is not None:
        assert (np.asarray(stored.num_plays)[filled] > 0).all()
        assert (np.asarray(stored.success_rates)[filled] >= 0).all()


def assert_replays(curriculum):
    _, after, (levels, updates, metrics) = plays(curriculum)
    assert (np.asarray(levels) > 0).all()
    assert updates is None or np.asarray(updates).any()
    assert np.asarray(metrics["replay_ratio"]).any()
    assert int(after.buffer.num_filled) == SIZES["capacity"]
    stored = np.asarray(after.buffer.levels)
    assert len(set(stored.tolist())) == len(stored)
    assert_stored(curriculum.stored(after.state))


@pytest.mark.parametrize("number", range(max(map(len, PARTS.values()))))
def test_level_replay_goes_on_with_any_part(number):
    """The first of each kind together, then the second, and around again where there are fewer."""
    parts = {field: example(all_[number % len(all_)]) for field, all_ in PARTS.items()}
    assert_replays(replay_with(Numbers(), mutator=Increment(), **parts))


@pytest.mark.parametrize("cls", SOURCES)
def test_level_replay_goes_on_with_any_source(cls):
    assert_replays(replay_with(example(cls)))


# Parts of a user that hold what is not an array.


def scaled(net, factor):
    return jax.tree.map(lambda x: factor * x if eqx.is_inexact_array(x) else x, net)


class Net(AbstractScore):
    """A score whose state is a network."""

    can_be_negative = True

    def init(self, evidence, *, key):
        return None, eqx.nn.MLP(1, "scalar", 4, 1, key=key)

    def __call__(self, evidence, records, net):
        returns = jnp.sum(evidence.rewards, axis=(0, 1, 3))
        trained = scaled(net, 1.1)
        return jax.vmap(net)(returns[:, None]), None, trained

    def merge(self, record, news):
        return None

    def metrics(self, net):
        return {"bias": net.layers[-1].bias[0]}


class NetGenerator(AbstractLevelGenerator):
    """A generator that holds a network."""

    net: eqx.nn.MLP

    def sample(self, level, *, key):
        return jnp.abs(1e6 * self.net(jax.random.normal(key, (2,)))).astype(jnp.int32) + 1


class NetSource(AbstractLevelSource):
    """A source whose state and memory hold a network."""

    def init(self, level, *, key):
        return eqx.nn.MLP(2, "scalar", 4, 1, key=key)

    def draw(self, net, num_levels, *, key):
        keys = jax.random.split(key, num_levels)
        return jax.vmap(lambda key: NetGenerator(net).sample(None, key=key))(keys), net

    def learn(self, net, memory, payoffs, *, key):
        return scaled(memory, 1 + jnp.mean(payoffs)), {"payoff": jnp.mean(payoffs)}


NET = eqx.nn.MLP(2, "scalar", 4, 1, key=jax.random.key(3))
WITH_NETS = {
    "a score that learns": lambda: LevelReplay(Numbers(), Net(), **SIZES),
    "a search by a score that learns": lambda: SamplingForLearnability(Numbers(), Net(), **SEARCH),
    "an objective that learns": lambda: AdversarialDesign(LEARNED, Net(), num_levels=6),
    "a generator": lambda: DomainRandomisation(NetGenerator(NET), num_levels=6),
    "a source": lambda: LevelReplay(NetSource(), **SIZES),
}


@pytest.mark.parametrize("name", WITH_NETS)
def test_layers_may_be_anywhere_in_a_curriculum(name):
    before, after, _ = plays(WITH_NETS[name]())
    assert jax.tree.structure(before) == jax.tree.structure(after)
    nets = [
        [x for x in jax.tree.leaves(going.state, is_leaf=is_net) if is_net(x)]
        for going in (before, after)
    ]
    assert all(not eqx.tree_equal(*pair) for pair in zip(*nets, strict=True))


def is_net(x):
    return isinstance(x, eqx.nn.MLP)
