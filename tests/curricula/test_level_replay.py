"""Level replay: which levels a cycle plays, what is learned from them, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import Estimates, Trajectory, first_student
from minimax_eqx.curricula import LevelReplay, Proportional, TopK
from minimax_eqx.envs import AbstractLevelGenerator, AbstractLevelMutator, FixedLevels, NoEdit
from minimax_eqx.envs.maze import RandomMemory, RandomWalls, maze_edits
from minimax_eqx.rollouts import Evidence, rollout
from minimax_eqx.runners import run
from minimax_eqx.scores import MaxMC, MeanReturn, RelativeRegret

from ..numbered_levels import learn, propose
from ..small import GENERATOR, make_runner

BATCH, CAPACITY = 4, 12


class Numbers(AbstractLevelGenerator[dict]):
    """Levels that are a number each, all different."""

    def sample(self, key):
        return {"number": jax.random.randint(key, (), 0, 10**6)}


class PlusOne(AbstractLevelMutator[dict]):
    def mutate(self, level, *, key):
        del key
        return {"number": level["number"] + 1}


def create(**options):
    defaults = {"batch_size": BATCH, "capacity": CAPACITY, "replay_prob": 1.0}
    return LevelReplay.create(Numbers(), MeanReturn(), **{**defaults, **options})


def evidence_of(returns, finished=True):
    """One student, one trial, one episode of two steps that ends with each return."""
    returns = jnp.asarray(returns, jnp.float32)[None, None, :, None]
    nothing = jnp.zeros_like(returns)
    steps = jnp.concatenate([nothing, returns], axis=1)
    ends = jnp.zeros(steps.shape, bool).at[:, 1].set(jnp.asarray(finished)[None, ..., None])
    return Evidence(
        observations=None,
        actions=jnp.zeros(steps.shape, jnp.int32),
        rewards=steps,
        dones=ends,
        successes=ends,
        values=jnp.zeros((*steps.shape, 1)),
        advantages=jnp.zeros((*steps.shape, 1)),
    )


def cycle(curriculum, key, returns=None, finished=True):
    """One cycle in which the levels give these returns (their last digit, if not given)."""
    propose_key, learn_key = jax.random.split(key)
    curriculum, proposal = propose(curriculum, propose_key)
    numbers = proposal.levels["number"]
    returns = numbers % 10 if returns is None else jnp.asarray(returns)
    finished = jnp.broadcast_to(jnp.asarray(finished), numbers.shape)
    curriculum, metrics = learn(curriculum, proposal, evidence_of(returns, finished), learn_key)
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
    curriculum = filled(getkey, replay_prob=0.3)
    keys = jax.random.split(getkey(), 2000)
    proposals = jax.vmap(lambda key: curriculum.propose(key)[1].groups["replayed"][0])(keys)
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
    assert propose(create(robust=False), getkey())[1].update_students is None
    curriculum = filled(getkey, robust=False, mutator=PlusOne())
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


@pytest.mark.parametrize(("parents", "expected"), [("easiest", {1, 3}), ("hardest", {0, 2})])
def test_parents_are_the_replayed_levels_of_lowest_or_highest_score(getkey, parents, expected):
    curriculum = filled(getkey, mutator=PlusOne(), parents=parents, num_parents=2)
    curriculum, replayed, _ = cycle(curriculum, getkey(), returns=jnp.array([9.0, 1.0, 8.0, 2.0]))
    chosen = np.asarray(replayed.levels["number"])[sorted(expected)]
    mutants = np.asarray(curriculum.mutants.levels["number"])
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
    curriculum = create(mutator=PlusOne(), parallel=True, min_fill_ratio=1.0)
    assert curriculum.num_levels == 3 * BATCH
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
        ({"capacity": 3}, "capacity is 3, less than one batch of 4"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"replay_prob": 1.5}, r"replay_prob is 1.5; it must be in \[0, 1\]"),
        ({"replay_prob": -0.1}, "replay_prob is -0.1"),
        ({"min_fill_ratio": 2.0}, "min_fill_ratio is 2.0"),
        ({"staleness_coef": 1.1}, "staleness_coef is 1.1"),
        ({"replay_prob": 0.5, "parallel": True}, "parallel form replays in every cycle"),
        ({"parents": "easiest", "num_parents": 5}, "num_parents is 5"),
        ({"prioritisation": Proportional()}, "Proportional needs scores .* MeanReturn"),
        ({"mutator": maze_edits(3)}, "mutator: .* cannot edit the levels of the generator"),
        ({"replay_prob": 0}, "replay_prob is 0, and with robust=True .* would never learn"),
        (
            {"replay_prob": 0.0, "robust": False, "mutator": PlusOne()},
            "replay_prob is 0, .* the mutator PlusOne would have no effect",
        ),
        ({"parents": "hardest"}, "parents is 'hardest', but without a mutator no level is edited"),
        ({"prioritisation": TopK(13)}, r"TopK\(13\), more levels than the capacity of 12"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        create(**options)


def few_levels(count, **options):
    generator = FixedLevels({"number": jnp.arange(count)})
    return LevelReplay.create(generator, MeanReturn(), batch_size=2, capacity=10, **options)


def test_fewer_levels_than_have_to_be_stored_before_replay_are_refused():
    with pytest.raises(ValueError, match=r"has 5 different levels at most.* which takes 6; lower"):
        few_levels(5, min_fill_ratio=0.6)
    few_levels(6, min_fill_ratio=0.6)
    eqx.filter_eval_shape(lambda ratio: few_levels(1, min_fill_ratio=ratio), jnp.array(0.6))


def test_replay_that_is_not_robust_may_have_no_chance(getkey):
    curriculum = filled(getkey, replay_prob=0.0, robust=False)
    assert kind_of(propose(curriculum, getkey())[1]) == "new"


def test_a_score_that_the_students_do_not_fit_is_refused_when_the_runner_is_made(getkey):
    curriculum = LevelReplay.create(GENERATOR, RelativeRegret(), batch_size=BATCH, capacity=8)
    with pytest.raises(ValueError, match=r"RelativeRegret.* 2 students"):
        make_runner(getkey(), curriculum=curriculum)


@pytest.mark.parametrize("generator", [RandomWalls(7, 6, num_walls=3), RandomMemory()])
def test_levels_of_another_shape_are_refused_when_the_runner_is_made(getkey, generator):
    curriculum = LevelReplay.create(generator, MaxMC(), batch_size=BATCH, capacity=8)
    with pytest.raises(ValueError, match="proposes levels that the environment Maze cannot play"):
        make_runner(getkey(), curriculum=curriculum)


def accel(**options):
    return LevelReplay.create(
        GENERATOR,
        MaxMC(),
        mutator=maze_edits(3),
        batch_size=BATCH,
        capacity=CAPACITY,
        **{"replay_prob": 0.8, **options},
    )


def test_a_cycle_without_update_leaves_the_students_as_they_are(getkey):
    runner = make_runner(getkey(), curriculum=accel())
    step = eqx.filter_jit(lambda runner: runner.step())
    updates = []
    for _ in range(8):
        after, metrics = step(runner)
        same = eqx.tree_equal(runner.students, after.students)
        assert bool(same) == (float(metrics["updated"]) == 0)
        assert (float(metrics["replay_ratio"]) == 1) == (float(metrics["updated"]) == 1)
        updates.append(float(metrics["updated"]))
        runner = after
    assert 0 < sum(updates) < 8


@pytest.mark.parametrize("parallel", [False, True])
def test_vmapped_curricula_do_what_each_does_alone(getkey, parallel):
    options = {"mutator": PlusOne(), "parallel": parallel}
    single = create(**options)
    keys = jax.random.split(getkey(), (6, 2))
    both = eqx.filter_vmap(lambda _: create(**options))(jnp.arange(2))
    vmapped = eqx.filter_jit(eqx.filter_vmap(cycle))
    for pair in keys:
        both, _, _ = vmapped(both, pair)
    for index in range(2):
        alone = single
        for pair in keys:
            alone, _, _ = cycle(alone, pair[index])
        buffer = jax.tree.map(lambda x, i=index: x[i], both.buffer)
        assert bool(eqx.tree_equal(buffer, alone.buffer, atol=1e-6))


def test_the_parallel_form_updates_the_students_on_the_replayed_part(getkey):
    runner = make_runner(getkey(), curriculum=accel(parallel=True, replay_prob=None))
    runner, metrics = run(runner, 3)
    assert np.asarray(metrics["updated"]).tolist() == [0.0, 1.0, 1.0]

    @eqx.filter_jit
    def by_hand(runner):
        _, propose_key, play_key, update_key, _ = jax.random.split(runner.key, 5)
        _, proposal = runner.curriculum.propose(propose_key)
        student = first_student(runner.students)
        key = jax.random.split(play_key, 1)[0]
        played = rollout(runner.env, student, proposal.levels, num_steps=runner.num_steps, key=key)
        estimates = student.estimate(played)
        part = Trajectory(
            observations=jax.tree.map(lambda x: x[:, :BATCH], played.observations),
            last_values=played.last_values[:BATCH],
            truncation_values=None,
            **{
                name: getattr(played, name)[:, :BATCH]
                for name in ("actions", "log_probs", "values", "rewards", "successes")
            },
            terminated=played.terminated[:, :BATCH],
            truncated=played.truncated[:, :BATCH],
        )
        estimates = Estimates(estimates.advantages[:, :BATCH], estimates.targets[:, :BATCH])
        return student.update(part, estimates, key=jax.random.split(update_key, 1)[0])[0]

    expected = by_hand(runner)
    after, _ = eqx.filter_jit(lambda runner: runner.step())(runner)
    for ours, hand in zip(
        jax.tree.leaves(eqx.filter(first_student(after.students).network, eqx.is_array)),
        jax.tree.leaves(eqx.filter(expected.network, eqx.is_array)),
        strict=True,
    ):
        np.testing.assert_allclose(ours, hand, atol=1e-6)
