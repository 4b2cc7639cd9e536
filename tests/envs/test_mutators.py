"""Edits of levels: their laws, and their distribution against recorded statistics."""

import functools
import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.envs import AbstractLevelMutator, OneOf, Repeated
from minimax_eqx.envs._mutator import NoEdit
from minimax_eqx.envs.maze import MazeEdits, MazeLevel, RandomWalls
from minimax_eqx.envs.maze._level import maze_level_spec
from minimax_eqx.envs.maze._memory import MemoryLevel
from minimax_eqx.envs.maze._mutators import FlipWall, MoveAgent, MoveGoal

STATISTICS = json.loads(
    (pathlib.Path(__file__).parents[1] / "golden" / "maze_mutator_stats.json").read_text()
)
RECORDED = {result["n_mutations"]: result for result in STATISTICS["results"]}
NUM_SAMPLES = STATISTICS["n_samples"]
WALLED_IN = MazeLevel.from_ascii(
    """
    ####
    #>G#
    ####
    """
)
RECTANGLE = MazeLevel.from_ascii(
    """
    ..#.#
    >.#.G
    .....
    """
)


def recorded_parent():
    recorded = STATISTICS["level"]
    return MazeLevel(
        wall_map=jnp.array([[cell == "#" for cell in row] for row in recorded["wall_map"]]),
        agent_pos=jnp.array(recorded["agent_pos"], jnp.int32),
        agent_dir=jnp.array(recorded["agent_dir"], jnp.int32),
        goal_pos=jnp.array(recorded["goal_pos"], jnp.int32),
    )


@eqx.filter_jit
def mutate(mutator, level, key):
    return mutator.mutate(level, key=key)


@eqx.filter_jit
def mutate_copies(mutator, level, keys):
    return jax.vmap(lambda key: mutator.mutate(level, key=key))(keys)


def sample(mutator, level, num_samples=NUM_SAMPLES, seed=0):
    return jax.device_get(
        mutate_copies(mutator, level, jax.random.split(jax.random.key(seed), num_samples))
    )


@functools.cache
def sampled(num_edits):
    return sample(MazeEdits(num_edits), recorded_parent())


def cell_of(position, width):
    return position[..., 1] * width + position[..., 0]


def changes_of(levels, parent):
    """How many walls of each level changed, and whether its goal did."""
    walls = np.sum(levels.wall_map != np.asarray(parent.wall_map), axis=(1, 2))
    goal = np.any(levels.goal_pos != np.asarray(parent.goal_pos), axis=1)
    return walls, goal


def same(one, other):
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def assert_small(chi_square, freedom):
    """What a right implementation fails for one in about 30 000 seeds."""
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom) + 6


def assert_uniform_over(values, allowed):
    counts = np.bincount(values, minlength=allowed.size)
    assert not np.any(counts[~allowed])
    expected = len(values) / allowed.sum()
    assert_small(np.sum((counts[allowed] - expected) ** 2 / expected), allowed.sum() - 1)


def assert_same_histogram(one, other):
    """A chi-square test of two samples of the same size."""
    common = one + other >= 20
    one, other = (np.append(counts[common], counts[~common].sum()) for counts in (one, other))
    filled = one + other > 0
    chi_square = np.sum((one - other)[filled] ** 2 / (one + other)[filled])
    assert_small(chi_square, filled.sum() - 1)


def as_recorded(fraction, num_samples=NUM_SAMPLES):
    """The fraction, within five standard errors of the difference of two samples."""
    error = np.sqrt(2 * fraction * (1 - fraction) / num_samples)
    return pytest.approx(fraction, abs=5 * error + 1e-9)


@pytest.mark.parametrize("num_edits", [1, 20])
def test_edits_change_walls_and_goal_as_often_as_recorded(num_edits):
    recorded, parent = RECORDED[num_edits], recorded_parent()
    levels = sampled(num_edits)
    walls, goal = changes_of(levels, parent)
    walls_changed = walls > 0
    assert np.mean(~walls_changed & ~goal) == as_recorded(recorded["identical_to_parent_fraction"])
    assert np.mean(walls_changed & ~goal) == as_recorded(recorded["only_walls_changed_fraction"])
    assert np.mean(~walls_changed & goal) == as_recorded(recorded["only_goal_changed_fraction"])
    assert np.mean(walls_changed & goal) == as_recorded(recorded["both_changed_fraction"])
    assert np.mean(goal) == as_recorded(recorded["goal_changed_fraction"])
    old_goal = levels.wall_map[:, parent.goal_pos[1], parent.goal_pos[0]]
    assert np.mean(old_goal) == as_recorded(recorded["old_goal_tile_is_wall"] / NUM_SAMPLES)
    assert not np.any(levels.agent_pos != np.asarray(parent.agent_pos))
    assert not np.any(levels.agent_dir != np.asarray(parent.agent_dir))


@pytest.mark.parametrize("num_edits", [1, 20])
def test_edits_change_as_many_walls_as_recorded(num_edits):
    recorded, parent = RECORDED[num_edits], recorded_parent()
    levels = sampled(num_edits)
    walls, _ = changes_of(levels, parent)
    histogram = np.zeros(num_edits + 1, int)
    for distance, count in recorded["wall_hamming_histogram"].items():
        histogram[int(distance)] = count
    assert_same_histogram(np.bincount(walls, minlength=num_edits + 1), histogram)
    error = 5 * np.sqrt(2 / NUM_SAMPLES)
    assert walls.mean() == pytest.approx(recorded["wall_hamming_mean"], abs=error * walls.std())
    counts = levels.wall_map.sum((1, 2))
    assert counts.mean() == pytest.approx(recorded["wall_count_mean"], abs=error * counts.std())
    assert recorded["parent_wall_count"] == parent.wall_map.sum()


def test_a_single_edit_reaches_every_level_that_was_recorded():
    levels = sampled(1)
    rows = np.concatenate([levels.wall_map.reshape(NUM_SAMPLES, -1), levels.goal_pos], axis=1)
    assert len(np.unique(rows, axis=0)) == RECORDED[1]["distinct_levels_among_samples"]


def test_zero_edits_were_recorded_to_return_the_parent():
    assert RECORDED[0]["returns_parent_unchanged"]
    assert same(MazeEdits(0).mutate(recorded_parent(), key=jax.random.key(0)), recorded_parent())


@pytest.mark.parametrize("parent", [recorded_parent(), RECTANGLE], ids=["square", "rectangle"])
def test_a_flipped_cell_is_any_but_the_agents_and_the_goals(parent):
    levels = sample(FlipWall(), parent)
    flipped = levels.wall_map != np.asarray(parent.wall_map)
    assert np.all(flipped.sum((1, 2)) == 1)
    _, width = parent.wall_map.shape
    allowed = np.ones(parent.wall_map.size, bool)
    allowed[[cell_of(parent.agent_pos, width), cell_of(parent.goal_pos, width)]] = False
    assert_uniform_over(np.nonzero(flipped.reshape(NUM_SAMPLES, -1))[1], allowed)
    freedom = RECORDED[1]["flip_cell_uniformity_over_cells_other_than_agent_and_goal"]["dof"]
    assert parent.wall_map.size != 13 * 13 or allowed.sum() - 1 == freedom


@pytest.mark.parametrize(
    ("mutator", "moved"), [(MoveGoal(), "goal_pos"), (MoveAgent(), "agent_pos")]
)
@pytest.mark.parametrize("parent", [recorded_parent(), RECTANGLE], ids=["square", "rectangle"])
def test_goal_and_agent_move_to_any_other_free_cell(mutator, moved, parent):
    levels = sample(mutator, parent)
    _, width = parent.wall_map.shape
    allowed = ~np.array(parent.wall_map).reshape(-1)
    allowed[[cell_of(parent.agent_pos, width), cell_of(parent.goal_pos, width)]] = False
    assert_uniform_over(cell_of(getattr(levels, moved), width), allowed)
    freedom = RECORDED[1]["goal_destination_uniformity_over_free_cells"]["dof"]
    assert parent.wall_map.size != 13 * 13 or allowed.sum() - 1 == freedom


def test_an_agent_that_moves_looks_anywhere_and_leaves_the_rest_alone():
    levels = sample(MoveAgent(), RECTANGLE)
    assert_uniform_over(levels.agent_dir, np.ones(4, bool))
    walls, goal = changes_of(levels, RECTANGLE)
    assert not np.any(walls)
    assert not np.any(goal)


@pytest.mark.parametrize("mutator", [MoveGoal(), MoveAgent()])
def test_a_level_without_another_free_cell_stays_as_it_is(mutator):
    for seed in range(5):
        assert same(mutate(mutator, WALLED_IN, jax.random.key(seed)), WALLED_IN)


def test_no_wall_is_flipped_where_agent_and_goal_are_the_only_cells():
    level = MazeLevel.from_ascii(">G")
    assert same(mutate(MazeEdits(20), level, jax.random.key(0)), level)


EDITS = {num_edits: MazeEdits(num_edits) for num_edits in (0, 1, 7)}
EDITS_AND_AGENT = Repeated(OneOf((FlipWall(), MoveGoal(), MoveAgent())), 7)
# Few sizes, since each is a program to compile.
SIZES = [(1, 3), (2, 2), (3, 5), (6, 4)]


@st.composite
def levels(draw):
    height, width = draw(st.sampled_from(SIZES))
    num_cells = height * width
    cells = draw(st.lists(st.sampled_from("#."), min_size=num_cells, max_size=num_cells))
    agent, goal = draw(st.lists(st.integers(0, num_cells - 1), min_size=2, max_size=2, unique=True))
    cells[agent], cells[goal] = draw(st.sampled_from(">v<^")), "G"
    return MazeLevel.from_ascii(
        "\n".join("".join(cells[i * width : (i + 1) * width]) for i in range(height))
    )


keys = st.integers(0, 2**31 - 1).map(jax.random.key)
many = settings(max_examples=60, deadline=None)


@many
@given(levels(), keys, st.sampled_from([*EDITS.values(), EDITS_AND_AGENT]))
def test_a_mutated_level_is_valid(level, key, mutator):
    mutated = mutate(mutator, level, key)
    mutated.check(*level.wall_map.shape)
    assert jax.eval_shape(lambda: mutated) == jax.eval_shape(lambda: level)


@many
@given(levels(), keys)
def test_the_agents_start_never_changes(level, key):
    mutated = mutate(EDITS[7], level, key)
    np.testing.assert_array_equal(mutated.agent_pos, level.agent_pos)
    np.testing.assert_array_equal(mutated.agent_dir, level.agent_dir)


@many
@given(levels(), keys)
def test_zero_edits_return_the_parent(level, key):
    assert same(mutate(EDITS[0], level, key), level)


@many
@given(levels(), keys)
def test_one_edit_changes_at_most_one_cell_or_the_goal(level, key):
    mutated = mutate(EDITS[1], level, key)
    num_walls = int(np.sum(np.asarray(mutated.wall_map) != np.asarray(level.wall_map)))
    goal = not np.array_equal(mutated.goal_pos, level.goal_pos)
    assert num_walls + goal <= 1


@many
@given(levels(), keys)
def test_the_cell_that_the_goal_left_stays_free(level, key):
    mutated = mutate(MoveGoal(), level, key)
    x, y = level.goal_pos
    assert not mutated.wall_map[y, x]
    np.testing.assert_array_equal(mutated.wall_map, level.wall_map)


@many
@given(levels(), keys)
def test_the_same_key_gives_the_same_edits(level, key):
    assert same(mutate(EDITS[7], level, key), mutate(EDITS[7], level, key))


def test_a_batch_is_edited_as_its_levels_are_one_by_one():
    level_keys, edit_keys = (jax.random.split(jax.random.key(seed), 16) for seed in (1, 2))
    draw = jax.vmap(lambda key: RandomWalls(12).sample(maze_level_spec(5, 8), key=key))
    parents = draw(level_keys)
    mutator = Repeated(OneOf((NoEdit(), FlipWall(), MoveGoal(), MoveAgent())), 5)
    batch = jax.vmap(lambda level, key: mutator.mutate(level, key=key))(parents, edit_keys)
    for i in range(16):
        parent, mutated = (
            jax.tree.map(lambda leaf, i=i: leaf[i], tree) for tree in (parents, batch)
        )
        assert same(mutate(mutator, parent, edit_keys[i]), mutated)


def test_levels_keep_their_types_where_64_bits_are_the_default():
    level, key = recorded_parent(), jax.random.key(0)
    jax.config.update("jax_enable_x64", True)
    try:
        with jax.numpy_dtype_promotion("standard"):
            mutated = jax.eval_shape(lambda: EDITS_AND_AGENT.mutate(level, key=key))
    finally:
        jax.config.update("jax_enable_x64", False)
    assert mutated == jax.eval_shape(lambda: level)


class Replace(AbstractLevelMutator[MemoryLevel]):
    """Puts a number in the place of the level's own."""

    number: int = eqx.field(static=True)

    def mutate(self, level, *, key):
        return MemoryLevel(jnp.full_like(level.rewarding, self.number))


class Add(AbstractLevelMutator[MemoryLevel]):
    """Adds a random bit, and ten."""

    def mutate(self, level, *, key):
        return MemoryLevel(level.rewarding + 10 + jax.random.bernoulli(key).astype(jnp.int32))


def test_one_of_several_mutators_is_drawn_uniformly():
    mutator = OneOf((NoEdit(), Replace(1), Replace(2), Replace(3), Replace(4)))
    drawn = sample(mutator, MemoryLevel(jnp.array(0, jnp.int32))).rewarding
    assert_uniform_over(drawn, np.ones(5, bool))


def test_one_of_one_mutator_is_that_mutator():
    mutated = mutate(OneOf((Replace(7),)), MemoryLevel(jnp.array(0, jnp.int32)), jax.random.key(0))
    assert int(mutated.rewarding) == 7


def test_repeated_edits_are_independent_of_each_other():
    sums = sample(Repeated(Add(), 4), MemoryLevel(jnp.array(0, jnp.int32))).rewarding - 40
    binomial = np.array([1, 4, 6, 4, 1]) / 16 * NUM_SAMPLES
    counts = np.bincount(sums, minlength=5)
    assert_small(np.sum((counts - binomial) ** 2 / binomial), 4)


def test_the_choice_and_the_edit_are_independent():
    mutator = OneOf((Add(), Repeated(Add(), 1), NoEdit()))
    drawn = sample(mutator, MemoryLevel(jnp.array(0, jnp.int32))).rewarding
    counts = np.bincount(drawn, minlength=12)[[0, 10, 11]]
    expected = np.array([1, 1, 1]) / 3 * NUM_SAMPLES
    assert_small(np.sum((counts - expected) ** 2 / expected), 2)


def test_the_program_does_not_grow_with_the_number_of_edits():
    def num_operations(num_edits):
        program = jax.make_jaxpr(lambda key: MazeEdits(num_edits).mutate(RECTANGLE, key=key))
        return str(program(jax.random.key(0))).count("\n")

    assert num_operations(2) == num_operations(200)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneOf(()), r"OneOf.mutators is \(\); it must hold at least 1"),
        (lambda: Repeated(FlipWall(), -1), "Repeated.num_edits is -1; it must be at least 0"),
        (lambda: MazeEdits(-3), "num_edits is -3; it must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("mutator", [FlipWall(), MoveGoal(), MoveAgent(), MazeEdits(3)])
def test_a_maze_mutator_refuses_the_levels_of_another_environment(mutator):
    level = MemoryLevel(jnp.array(0, jnp.int32))
    with pytest.raises(TypeError, match=r"level is MemoryLevel.*expected MazeLevel"):
        jax.eval_shape(lambda: mutator.mutate(level, key=jax.random.key(0)))


@pytest.mark.parametrize("mutator", [FlipWall(), MoveGoal(), MoveAgent(), MazeEdits(3)])
def test_a_batch_without_vmap_is_refused(mutator):
    levels = jax.tree.map(lambda leaf: leaf[None], RECTANGLE)
    with pytest.raises(ValueError, match=r"edits one level.* shape \(1, 3, 5\). Use jax.vmap"):
        mutator.mutate(levels, key=jax.random.key(0))
