"""Designing mazes, against episodes recorded from the reference and by first principles."""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.envs import Maze, check_env
from minimax_eqx.envs._editor import Blanks
from minimax_eqx.envs.maze import MazeDesign
from minimax_eqx.envs.maze._editor import MazeBlank, MazeEditor

NUM_CONFIGURATIONS = 12


def editor_of(height=13, width=13, **design):
    return MazeEditor(height, width, MazeDesign(**design))


def num_cells(editor):
    return editor.action_spec().num_actions


class Recording:
    """One configuration of the golden data, and the editor it was recorded with."""

    def __init__(self, arrays, index):
        height, width, num_walls, reuse, fixed, first, choose_direction, noise_dim = arrays[
            "configs"
        ][index].tolist()
        budget = "fixed" if fixed else "first_wall" if first else "first_action"
        self.editor = editor_of(
            height,
            width,
            num_walls=num_walls,
            wall_budget=budget,
            replace_collisions=not reuse,
            choose_direction=bool(choose_direction),
            noise_dim=noise_dim,
        )
        prefix = f"c{index}_"
        self.arrays = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    def __getattr__(self, name):
        return self.arrays[name]

    def blanks(self, name="initial_dir"):
        return MazeBlank(jnp.asarray(self.arrays[name], jnp.int32))

    def rows_of_valid_levels(self, prefix):
        """All rows but those where the reference put the agent on the goal."""
        agent, goal = (self.arrays[f"{prefix}level_{name}_pos"] for name in ("agent", "goal"))
        return np.any(agent != goal, axis=1)

    def assert_levels_are(self, levels, prefix, rows):
        for name in ("wall_map", "agent_pos", "agent_dir", "goal_pos"):
            recorded = self.arrays[f"{prefix}level_{name}"]
            np.testing.assert_array_equal(getattr(levels, name)[rows], recorded[rows])


@pytest.fixture(params=range(NUM_CONFIGURATIONS))
def recording(golden, request):
    return Recording(golden("maze_teacher"), request.param)


@functools.partial(jax.jit, static_argnums=0)
@functools.partial(jax.vmap, in_axes=(None, 0, 0, 0, 0))
def design(editor, blank, actions, proposals, key):
    """Plays `actions`; before each, asks whether the proposal in its place, and it, collide.

    Returns the first observation; time steps, observations and answers; and the last level.
    """
    world = editor.load(blank)
    start = editor.reset(world, key=key)

    def advance(state, inputs):
        action, proposal, key = inputs
        collided = editor.collides(state, proposal), editor.collides(state, action)
        step = editor.step(world, state, action, key=key)
        return step.state, (step, editor.observe(world, step.state), collided)

    keys = jax.random.split(key, editor.max_episode_steps)
    last, output = jax.lax.scan(advance, start, (actions, proposals, keys))
    return editor.observe(world, start), output, editor.level(last)


def play(editor, blanks, actions, proposals=None, seed=0):
    actions = jnp.asarray(actions, jnp.int32)
    proposals = actions if proposals is None else jnp.asarray(proposals, jnp.int32)
    keys = jax.random.split(jax.random.key(seed), len(actions))
    return design(editor, blanks, actions, proposals, keys)


def budget_of(editor, action):
    """The number of walls that a first action means, as exact as can be."""
    return round(Fraction(int(action) * editor.design.num_walls, num_cells(editor)))


def steps_that_place(editor, actions):
    """Which steps of each sequence put something on the maze."""
    lead = int(editor.design.wall_budget == "first_action")
    budget = np.full(len(actions), editor.design.num_walls)
    if editor.design.wall_budget != "fixed":
        budget = np.array([budget_of(editor, action) for action in actions[:, 0]])
    index = np.arange(actions.shape[1])[None] - lead
    return (index >= 0) & (index <= budget[:, None] + 1)


def test_every_recorded_design_is_reproduced(recording):
    first, (steps, seen, (collided, _)), levels = play(
        recording.editor, recording.blanks(), recording.actions
    )
    rows = recording.rows_of_valid_levels("")
    images = np.concatenate([first.image[:, None], seen.image], axis=1)
    times = np.concatenate([first.time[:, None], seen.time], axis=1)
    np.testing.assert_array_equal(images[rows], recording.obs_image[rows])
    np.testing.assert_array_equal(times, recording.obs_time)
    np.testing.assert_array_equal(steps.done, recording.done)
    assert not np.any(steps.reward)
    assert not np.any(collided[rows])
    recording.assert_levels_are(levels, "", rows)


def test_actions_collide_where_they_do_in_the_reference(recording):
    editor, proposed, used = recording.editor, recording.col_proposed, recording.col_effective
    _, (_, seen, (collided, collided_again)), levels = play(
        editor, recording.blanks("col_initial_dir"), used, proposed
    )
    rows = recording.rows_of_valid_levels("col_")
    # The reference also replaces actions that do nothing, after the agent is placed.
    places = steps_that_place(editor, used)
    expected = (proposed != used) & places
    if editor.design.wall_budget == "first_action" and editor.design.replace_collisions:
        # There the reference takes cell 0 for occupied; it is not.
        expected &= proposed != 0
    np.testing.assert_array_equal(collided[rows], expected[rows])
    assert not np.any(collided_again[rows] & places[rows])
    recording.assert_levels_are(levels, "col_", rows)
    np.testing.assert_array_equal(seen.image[rows, -1], recording.col_obs_image_last[rows])


def test_where_the_reference_put_the_agent_on_the_goal_the_agent_moves(golden):
    recording = Recording(golden("maze_teacher"), 6)
    for prefix, actions in (("", recording.actions), ("col_", recording.col_effective)):
        rows = ~recording.rows_of_valid_levels(prefix)
        assert np.any(rows)
        blanks = recording.blanks(f"{prefix}initial_dir")
        _, (_, _, (collided, _)), levels = play(recording.editor, blanks, actions)
        assert np.all(actions[rows, 0] == actions[rows, 1])  # goal and agent: there are no walls
        np.testing.assert_array_equal(np.argwhere(collided[rows])[:, 1], [1] * rows.sum())
        recorded_goal = recording.arrays[f"{prefix}level_goal_pos"]
        np.testing.assert_array_equal(levels.goal_pos[rows], recorded_goal[rows])
        assert np.all(np.any(levels.agent_pos != levels.goal_pos, axis=1))
        assert not np.any(levels.wall_map[rows])


SMALL = {"height": 2, "width": 3, "num_walls": 3, "noise_dim": 0}


def design_one(editor, actions, agent_dir=0, seed=0):
    """The level that one sequence of actions designs."""
    blank = MazeBlank(jnp.array([agent_dir], jnp.int32))
    return jax.tree.map(lambda leaf: leaf[0], play(editor, blank, [actions], seed=seed)[-1])


def drawing_of(editor, actions, **kwargs):
    return design_one(editor, actions, **kwargs).to_ascii().split()


def test_a_fixed_budget_places_walls_goal_and_agent_in_this_order():
    editor = editor_of(**SMALL)
    assert (num_cells(editor), editor.max_episode_steps) == (6, 5)
    assert drawing_of(editor, [0, 1, 5, 3, 4], agent_dir=1) == ["##.", "Gv#"]


def test_the_first_action_sets_a_budget_and_places_nothing():
    editor = editor_of(**SMALL, wall_budget="first_action")
    assert editor.max_episode_steps == 6
    assert drawing_of(editor, [4, 0, 5, 3, 1, 2]) == ["#>.", "G.#"]
    # 3 walls * 1 / 6 and * 3 / 6 are 0.5 and 1.5: half goes to the even number.
    assert drawing_of(editor, [1, 0, 5, 3, 1, 2]) == ["G..", "..>"]
    assert drawing_of(editor, [3, 0, 5, 3, 1, 2]) == ["#>.", "G.#"]


@functools.partial(jax.jit, static_argnums=0)
def budgets_of(editor, actions):
    state = editor.reset(editor.blank(jax.random.key(0)), key=jax.random.key(1))

    def budget(action):
        return editor.step(MazeBlank(state.agent_dir), state, action, key=jax.random.key(2))

    return jax.vmap(budget)(actions).state.num_walls


# Sizes with halves, with products that a float32 cannot hold, and that an int32 cannot.
@pytest.mark.parametrize("budget", ["first_action", "first_wall"])
@pytest.mark.parametrize(
    ("height", "width", "num_walls"),
    [(10, 10, 43), (10, 10, 85), (4, 5, 13), (12, 12, 72), (300, 300, 45_001), (500, 400, 175_000)],
)
def test_half_a_wall_goes_to_the_even_number(budget, height, width, num_walls):
    editor = editor_of(height, width, num_walls=num_walls, wall_budget=budget, noise_dim=0)
    # All cells of a small maze, and some of a large one, whose last ones have the largest products.
    actions = np.unique(np.linspace(0, height * width - 1, min(height * width, 200)).astype(int))
    expected = [budget_of(editor, action) for action in actions]
    np.testing.assert_array_equal(budgets_of(editor, jnp.asarray(actions, jnp.int32)), expected)


def test_the_first_wall_sets_the_budget_by_its_place():
    editor = editor_of(**SMALL, wall_budget="first_wall")
    assert editor.max_episode_steps == 5
    assert drawing_of(editor, [3, 0, 5, 1, 2]) == ["#>.", "#.G"]
    assert drawing_of(editor, [0, 5, 3, 1, 2]) == ["G..", "..>"]


def test_the_last_action_chooses_the_direction_in_quarters_of_the_grid():
    editor = editor_of(**SMALL, choose_direction=True)
    assert editor.max_episode_steps == 6
    for action, symbol in enumerate(">>v<<^"):
        assert drawing_of(editor, [0, 1, 5, 3, 4, action]) == ["##.", f"G{symbol}#"]


def test_a_wall_under_the_goal_or_the_agent_disappears():
    editor = editor_of(**SMALL)
    assert drawing_of(editor, [0, 1, 5, 0, 1]) == ["G>.", "..#"]


def test_a_replacement_is_drawn_from_all_cells_that_hold_nothing():
    editor = editor_of(**SMALL, replace_collisions=True)
    seen = {tuple(drawing_of(editor, [0, 5, 5, 1, 2], seed=seed)) for seed in range(40)}
    # The third wall and, if that took their cells, goal and agent have moved.
    third_walls = {level for level in seen if level[0][0] == "#" and level[1][2] == "#"}
    assert third_walls == seen
    free_of_walls = {("#G>", "#.#"), ("#G>", ".##")}
    assert free_of_walls <= seen
    assert any(level[0][1] == "#" for level in seen)
    assert any(level[0][2] == "#" for level in seen)
    assert all("".join(level).count("#") == 3 for level in seen)


def test_replacements_are_uniform():
    editor = editor_of(**SMALL)
    num_designs = 6000
    blanks = MazeBlank(jnp.zeros(num_designs, jnp.int32))
    levels = play(editor, blanks, np.tile([0, 1, 5, 3, 3], (num_designs, 1)))[-1]
    agents = np.asarray(levels.agent_pos[:, 0] + 3 * levels.agent_pos[:, 1])
    # Cell 3 is the goal's, and 0, 1 and 5 hold walls.
    counts = np.bincount(agents, minlength=6)
    assert counts[[0, 1, 3, 5]].sum() == 0
    assert abs(counts[2] - num_designs / 2) < 4 * np.sqrt(num_designs) / 2


def test_with_a_chosen_budget_cell_zero_is_free_until_something_is_on_it():
    editor = editor_of(**SMALL, wall_budget="first_action", replace_collisions=True)
    blank = MazeBlank(jnp.array(0, jnp.int32))
    state = editor.reset(blank, key=jax.random.key(0))
    state = editor.step(blank, state, jnp.array(4), key=jax.random.key(1)).state
    assert not editor.collides(state, jnp.array(0))
    assert not editor.collides(state, jnp.array(4))  # the first action placed nothing
    state = editor.step(blank, state, jnp.array(0), key=jax.random.key(2)).state
    assert editor.collides(state, jnp.array(0))


EDITORS = [
    editor_of(
        height,
        width,
        num_walls=num_walls,
        wall_budget=budget,
        replace_collisions=replace_collisions,
        choose_direction=choose_direction,
        noise_dim=noise_dim,
    )
    for (height, width, num_walls), noise_dim in (((3, 2, 4), 0), ((2, 4, 3), 2))
    for budget in ("fixed", "first_action", "first_wall")
    for replace_collisions in (False, True)
    for choose_direction in (False, True)
]


def name_of(editor):
    flags = [
        name for name in ("replace_collisions", "choose_direction") if getattr(editor.design, name)
    ]
    return "-".join([f"{editor.height}x{editor.width}", editor.design.wall_budget, *flags])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data(), editor=st.sampled_from(EDITORS), seed=st.integers(0, 2**31 - 1))
def test_any_actions_design_a_valid_level(data, editor, seed):
    cells = st.integers(0, num_cells(editor) - 1)
    steps = editor.max_episode_steps
    actions = data.draw(st.lists(cells, min_size=steps, max_size=steps))
    level = design_one(editor, actions, agent_dir=seed % 4, seed=seed)
    level.check(editor.height, editor.width)
    assert level.wall_map.sum() <= editor.design.num_walls
    if editor.design.replace_collisions and editor.design.wall_budget == "fixed":
        assert level.wall_map.sum() == editor.design.num_walls
    if not editor.design.choose_direction:
        assert level.agent_dir == seed % 4


@pytest.mark.parametrize("editor", EDITORS[::9], ids=name_of)
def test_an_editor_is_a_good_environment(editor):
    check_env(editor, Blanks(editor))


def test_an_episode_ends_in_its_last_step_and_no_other():
    for editor in EDITORS[:12]:
        blanks = MazeBlank(jnp.zeros(1, jnp.int32))
        actions = np.zeros((1, editor.max_episode_steps), int)
        _, (steps, *_), _ = play(editor, blanks, actions)
        assert steps.terminated[0].tolist() == [False] * (editor.max_episode_steps - 1) + [True]
        assert not np.any(steps.truncated)


def test_noise_is_uniform_and_new_in_every_step():
    editor = MazeEditor()
    actions = np.tile(np.arange(62), (2, 1))
    first, (_, seen, *_), _ = play(editor, MazeBlank(jnp.zeros(2, jnp.int32)), actions)
    noise = np.concatenate([first.noise[:, None], seen.noise], axis=1)
    assert noise.shape == (2, 63, 50)
    assert noise.dtype == np.float32
    assert len(np.unique(noise)) > 0.99 * noise.size
    assert 0 <= noise.min() < 0.01
    assert 0.99 < noise.max() < 1
    assert abs(noise.mean() - 0.5) < 0.02


def test_what_is_not_placed_yet_is_nowhere():
    editor = editor_of(**SMALL)
    blank = editor.blank(jax.random.key(0))
    level = editor.level(editor.reset(blank, key=jax.random.key(0)))
    assert level.agent_pos.tolist() == level.goal_pos.tolist() == [-1, -1]
    assert not np.any(level.wall_map)


def test_the_designed_levels_are_those_of_the_maze_of_that_size():
    level = Maze(height=7, width=11).level_spec()
    editor = MazeDesign(num_walls=5).editor(level)
    assert editor == MazeEditor(7, 11, MazeDesign(num_walls=5))
    assert editor.designed_level_spec() == level


def test_blanks_look_anywhere_unless_the_designer_chooses():
    keys = jax.random.split(jax.random.key(0), 64)
    anywhere = jax.vmap(MazeEditor().blank)(keys).agent_dir
    assert set(anywhere.tolist()) == {0, 1, 2, 3}
    assert not np.any(jax.vmap(editor_of(choose_direction=True).blank)(keys).agent_dir)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 1}, r"MazeEditor.height is 1; it must be between 2 and 8,388,608"),
        ({"height": 4097, "width": 4096}, "MazeEditor has 4097 x 4096 = 16,781,312 cells"),
        ({"noise_dim": 10**10}, r"noise_dim is 10000000000; it must be between 0 and 16,777,216"),
        ({"width": 0}, r"width is 0; it must be between 2"),
        ({"noise_dim": -1}, r"MazeDesign.noise_dim is -1; it must be between 0"),
        ({"num_walls": -1}, r"MazeDesign.num_walls is -1; it must be at least 0"),
        ({"height": 7, "width": 7}, r"num_walls is 60; .* 7 x 7 cells .* between 0 and 47"),
        ({"wall_budget": "some"}, r"wall_budget is 'some'; .* 'fixed', 'first_action', 'first_w"),
        ({"wall_budget": "first_wall", "num_walls": 0}, r"num_walls=0 there is no budget"),
    ],
)
def test_an_editor_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        editor_of(**arguments)
