"""Level replay: which levels a cycle plays, what is learned from them, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import (
    AbstractLevelSource,
    Easiest,
    LevelReplay,
    NewAndReplayed,
    Rank,
    Sequential,
    SideBySide,
)
from minimax_eqx.curricula._parents import Hardest
from minimax_eqx.curricula._prioritisation import Proportional, TopK
from minimax_eqx.envs import AbstractLevelGenerator, AbstractLevelMutator
from minimax_eqx.envs._mutator import NoEdit
from minimax_eqx.envs.maze import MazeEdits, RandomWalls
from minimax_eqx.scores import RelativeRegret
from minimax_eqx.scores._returns import MeanReturn

from ..numbered_levels import evidence_of, going, learn, propose

BATCH, CAPACITY = 4, 12
NUMBER = {"number": jax.ShapeDtypeStruct((), jnp.int32)}


class Numbers(AbstractLevelGenerator[dict]):
    """Levels that are a number each, all different."""

    def sample(self, level, *, key):
        return {"number": jax.random.randint(key, (), 0, 10**6)}


class Learner(AbstractLevelSource):
    """Remembers what it was paid."""

    def init(self, level, *, key):
        return jnp.zeros(())

    def draw(self, state, num_levels, *, key):
        return {"number": jnp.arange(num_levels, dtype=jnp.int32)}, None

    def learn(self, state, memory, payoffs, *, key):
        return state + jnp.sum(payoffs), {"paid": jnp.sum(payoffs)}


class PlusOne(AbstractLevelMutator[dict]):
    def mutate(self, level, *, key):
        del key
        return {"number": level["number"] + 1}


def compose(**options):
    defaults = {"num_levels": BATCH, "capacity": CAPACITY, "schedule": Sequential(1.0)}
    parts = {"generator": Numbers(), "score": MeanReturn()}
    return LevelReplay(**{**parts, **defaults, **options})


def create(**options):
    return going(compose(**options), level=NUMBER)


def cycle(curriculum, key, returns=None, finished=True):
    """One cycle in which the levels give these returns (their last digit, if not given)."""
    propose_key, learn_key = jax.random.split(key)
    curriculum, proposal = propose(curriculum, propose_key)
    numbers = proposal.levels["number"]
    returns = np.asarray(numbers % 10 if returns is None else returns)
    evidence = evidence_of(
        returns[:, None],
        finished=np.broadcast_to(finished, numbers.shape)[:, None],
        levels=proposal.levels,
    )
    curriculum, metrics = learn(curriculum, proposal, evidence, learn_key)
    return curriculum, proposal, metrics


def filled(getkey, cycles=3, **options):
    """A curriculum after some cycles of new levels, which then replays."""
    curriculum = create(min_fill_ratio=1.0, **options)
    for _ in range(cycles):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        assert bool(proposal.groups["new"].all())
    return curriculum


def stored(curriculum):
    buffer = curriculum.buffer
    return np.asarray(buffer.levels["number"])[np.asarray(buffer.filled)]


def kind_of(proposal):
    (kind,) = (name for name, member in proposal.groups.items() if bool(member.all()))
    return kind


def test_nothing_is_replayed_before_the_buffer_is_filled_enough(getkey):
    curriculum = create(min_fill_ratio=0.6)
    kinds = []
    for _ in range(4):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        kinds.append(kind_of(proposal))
    assert kinds == ["new", "new", "replayed", "replayed"]


def test_an_empty_buffer_is_not_replayed_even_if_that_is_always_allowed(getkey):
    curriculum = create(min_fill_ratio=0.0)
    _, proposal, _ = cycle(curriculum, getkey())
    assert kind_of(proposal) == "new"


def test_replayed_levels_come_from_the_buffer(getkey):
    curriculum = filled(getkey)
    known = stored(curriculum)
    curriculum, proposal, _ = cycle(curriculum, getkey())
    assert kind_of(proposal) == "replayed"
    assert np.isin(proposal.levels["number"], known).all()


def test_the_share_of_cycles_that_replay_is_the_replay_probability(getkey):
    curriculum = filled(getkey, schedule=Sequential(0.3))
    keys = jax.random.split(getkey(), 2000)
    proposals = jax.vmap(lambda key: propose(curriculum, key)[1].groups["replayed"][0])(keys)
    assert abs(float(proposals.mean()) - 0.3) < 0.04


def test_what_is_replayed_is_scored_again(getkey):
    curriculum = filled(getkey)
    curriculum, proposal, _ = cycle(curriculum, getkey(), returns=jnp.full(BATCH, 50.0))
    slots = curriculum.buffer.find(proposal.levels)
    np.testing.assert_array_equal(curriculum.buffer.scores[slots], 50.0)


def test_levels_that_nobody_finished_are_not_stored(getkey):
    curriculum, proposal, _ = cycle(
        create(), getkey(), finished=jnp.array([True, False, True, False])
    )
    numbers = np.asarray(proposal.levels["number"])
    assert set(stored(curriculum)) == set(numbers[[0, 2]])


def test_robust_replay_updates_on_replayed_levels_only(getkey):
    curriculum = create(mutator=PlusOne(), min_fill_ratio=1.0)
    for expected in (False, False, False, True, False, True):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        assert bool(proposal.update_students) == expected == (kind_of(proposal) == "replayed")


def test_replay_that_is_not_robust_updates_on_all_but_mutants(getkey):
    assert propose(create(learn_from=NewAndReplayed()), getkey())[1].update_students is None
    curriculum = filled(getkey, learn_from=NewAndReplayed(), mutator=PlusOne())
    for kind in ("replayed", "mutated", "replayed"):
        curriculum, proposal, _ = cycle(curriculum, getkey())
        assert kind_of(proposal) == kind
        assert bool(proposal.update_students) == (kind != "mutated")


def test_every_replayed_level_is_edited_and_its_mutants_are_played_next(getkey):
    curriculum = filled(getkey, mutator=PlusOne())
    curriculum, replayed, _ = cycle(curriculum, getkey())
    _, mutated, _ = cycle(curriculum, getkey())
    assert kind_of(mutated) == "mutated"
    np.testing.assert_array_equal(mutated.levels["number"], replayed.levels["number"] + 1)


@pytest.mark.parametrize(
    ("parents", "expected"), [(Easiest(2), {1, 3}), (Hardest(2), {0, 2})], ids=repr
)
def test_parents_are_the_replayed_levels_of_lowest_or_highest_score(getkey, parents, expected):
    curriculum = filled(getkey, mutator=PlusOne(), parents=parents)
    curriculum, replayed, _ = cycle(curriculum, getkey(), returns=jnp.array([9.0, 1.0, 8.0, 2.0]))
    chosen = np.asarray(replayed.levels["number"])[sorted(expected)]
    mutants = np.asarray(curriculum.state.schedule.levels["number"])
    assert set(mutants) == set(chosen + 1)


def test_mutants_are_compared_with_the_buffer_as_it_is_now(getkey):
    curriculum = filled(getkey, mutator=NoEdit())
    curriculum, replayed, _ = cycle(curriculum, getkey())
    curriculum, mutated, _ = cycle(curriculum, getkey(), returns=jnp.full(BATCH, 77.0))
    np.testing.assert_array_equal(mutated.levels["number"], replayed.levels["number"])
    numbers = stored(curriculum)
    assert len(set(numbers)) == len(numbers) == CAPACITY
    slots = curriculum.buffer.find(mutated.levels)
    np.testing.assert_array_equal(curriculum.buffer.scores[slots], 77.0)


def test_mutations_are_counted_from_a_generated_level_on(getkey):
    curriculum = filled(getkey, mutator=PlusOne())
    curriculum, _, _ = cycle(curriculum, getkey())
    assert int(curriculum.buffer.num_mutations.max()) == 0
    curriculum, mutated, _ = cycle(curriculum, getkey(), returns=jnp.full(BATCH, 99.0))
    buffer = curriculum.buffer
    slots = np.asarray(buffer.find(mutated.levels))
    assert (slots >= 0).any()  # a mutant can be driven out again by another
    np.testing.assert_array_equal(buffer.num_mutations[slots[slots >= 0]], 1)


def test_ages_grow_by_a_batch_while_new_levels_are_played(getkey):
    curriculum, _, _ = cycle(create(min_fill_ratio=1.0), getkey())
    curriculum, proposal, _ = cycle(curriculum, getkey())
    assert kind_of(proposal) == "new"
    ages = curriculum.buffer.ages[curriculum.buffer.filled]
    assert sorted(np.asarray(ages)) == [0] * BATCH + [BATCH] * BATCH


def test_the_parallel_form_plays_all_kinds_side_by_side(getkey):
    curriculum = create(mutator=PlusOne(), schedule=SideBySide(), min_fill_ratio=1.0)
    assert curriculum.curriculum.levels_per_cycle == 3 * BATCH
    curriculum, proposal, _ = cycle(curriculum, getkey())
    assert bool(proposal.groups["new"].all())
    assert not bool(proposal.update_students)
    curriculum, proposal, metrics = cycle(curriculum, getkey())
    for place, name in enumerate(("replayed", "new", "mutated")):
        expected = np.arange(3 * BATCH) // BATCH == place
        np.testing.assert_array_equal(proposal.groups[name], expected)
    numbers = np.asarray(proposal.levels["number"]).reshape(3, BATCH)
    np.testing.assert_array_equal(numbers[2], numbers[0] + 1)
    assert bool(proposal.update_students)
    assert proposal.num_update_levels == BATCH
    assert float(metrics["replay_ratio"]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 3}, "LevelReplay.capacity is 3; it must be at least 4"),
        ({"num_levels": 0}, "LevelReplay.num_levels is 0; it must be at least 1"),
        ({"min_fill_ratio": 2.0}, "min_fill_ratio is 2.0; it must be between 0 and 1"),
        ({"staleness_coef": 1.1}, "staleness_coef is 1.1"),
        ({"uniform_share": 1.1}, "uniform_share is 1.1; it must be between 0 and 1"),
        ({"staleness_coef": float("nan")}, "staleness_coef is nan"),
        ({"prioritisation": Proportional()}, "Proportional, which needs scores .* MeanReturn"),
        ({"schedule": Sequential(0)}, r"never replays, .*students .* would never learn"),
        (
            {"schedule": Sequential(0.0), "learn_from": NewAndReplayed(), "mutator": PlusOne()},
            "never replays, .* the mutator PlusOne would have no effect",
        ),
        ({"parents": Hardest()}, "parents is Hardest.*, but without a mutator no level is edited"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        compose(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mutator": MazeEdits(3)}, "mutator .* cannot edit levels of the environment"),
        ({"generator": RandomWalls()}, "generator RandomWalls cannot make levels of the env"),
        (
            {"parents": Easiest(5), "mutator": PlusOne()},
            "Easiest.num_parents is 5; .* at most .* 4",
        ),
        ({"prioritisation": TopK(13)}, r"TopK\.k is 13, more levels than the capacity of 12"),
        ({"score": RelativeRegret()}, r"RelativeRegret.* 2 students"),
        (
            {"generator": Learner(), "schedule": SideBySide()},
            r"Learner, which learns from cycles of new levels only.* use Sequential\(\)",
        ),
    ],
)
def test_what_does_not_fit_the_evidence_is_refused_when_it_begins(options, message):
    with pytest.raises(ValueError, match=message):
        create(**options)


@pytest.mark.parametrize("replay_prob", [1.5, -0.1, float("nan")])
def test_a_chance_to_replay_out_of_range_is_refused(replay_prob):
    with pytest.raises(ValueError, match=r"Sequential.replay_prob is .*between 0 and 1"):
        Sequential(replay_prob)


def test_replay_that_is_not_robust_may_have_no_chance(getkey):
    curriculum = filled(getkey, schedule=Sequential(0.0), learn_from=NewAndReplayed())
    assert kind_of(propose(curriculum, getkey())[1]) == "new"


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [Sequential(1.0), SideBySide()], ids=repr)
def test_vmapped_curricula_do_what_each_does_alone(getkey, schedule):
    """As in a sweep of two temperatures."""
    composition = compose(mutator=PlusOne(), schedule=schedule)
    temperatures = jnp.array([0.3, 1.0])

    def begin(temperature):
        swept = eqx.tree_at(lambda c: c.prioritisation, composition, Rank(temperature))
        return going(swept, level=NUMBER)

    @eqx.filter_jit
    @eqx.filter_vmap
    def cycle(curriculum, key):
        propose_key, learn_key = jax.random.split(key)
        curriculum, proposal = propose(curriculum, propose_key)
        returns = (proposal.levels["number"] % 10)[:, None]
        evidence = evidence_of(returns, levels=proposal.levels)
        return learn(curriculum, proposal, evidence, learn_key)[0]

    def cycles(curriculum, keys):
        for key in keys:
            curriculum = cycle(curriculum, key)
        return curriculum

    keys = jax.random.split(getkey(), (6, 2))
    both = cycles(eqx.filter_vmap(begin)(temperatures), keys)
    for index in range(2):
        one = slice(index, index + 1)
        alone = cycles(eqx.filter_vmap(begin)(temperatures[one]), keys[:, one])
        buffers = [jax.tree.map(lambda x: x[0], alone.buffer)]
        buffers.append(jax.tree.map(lambda x, i=index: x[i], both.buffer))
        assert bool(eqx.tree_equal(*buffers, atol=1e-6))
