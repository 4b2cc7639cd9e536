"""What a notebook shows of what a cell returns, and the tour."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Runner
from minimax_eqx._notebook import never_fails
from minimax_eqx.envs import LevelFile, show, show_episode
from minimax_eqx.envs.boxes import CartPole, Uniform
from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.experiment._compare import ComparedMethod, Comparison
from minimax_eqx.runners import Evaluation
from minimax_eqx.statistics import Estimate

from .envs.counters import Counter, Level
from .small import ENV, make_experiment, make_runner

LEVEL = MazeLevel.from_ascii(">.....\n......\n..#...\n......\n.....G")
PNG = b"\x89PNG"


def test_levels_of_any_world_with_an_artist_are_pictures():
    cart = Uniform().sample(CartPole().level_spec(), key=jax.random.key(0))
    many = stack_levels([LEVEL, LEVEL, LEVEL])
    for env, levels in ((ENV, LEVEL), (ENV, many), (CartPole(), cart)):
        assert show(env, levels)._repr_png_().startswith(PNG)
    assert show(ENV, many).image.shape[1] > 2 * show(ENV, LEVEL).image.shape[1]
    with pytest.raises(ValueError, match=r"Counter has no artist .* its method `artist`"):
        show(Counter(), Level(jnp.array(2)))
    with pytest.raises(ValueError, match=r"one leading axis; these have \[2\]"):
        show(ENV, jax.tree.map(lambda leaf: leaf[None], many))


def test_an_episode_is_an_animation(tmp_path):
    state = ENV.reset(ENV.load(LEVEL), key=jax.random.key(0))
    states = jax.tree.map(lambda leaf: jnp.stack([leaf] * 5), state)
    episode = show_episode(ENV, LEVEL, states, jnp.array(3))
    assert len(episode.frames) == 4
    assert episode._repr_html_().startswith('<img src="data:image/gif;base64,R0lG')
    episode.save(tmp_path / "episode.gif")
    with pytest.raises(ValueError, match=r"saved as \.gif"):
        episode.save(tmp_path / "episode.png")


def test_numbers_are_a_table():
    draw = lambda key: Uniform().sample(CartPole().level_spec(), key=key)  # noqa: E731
    level, many = draw(jax.random.key(0)), jax.vmap(draw)(jax.random.split(jax.random.key(0), 12))
    assert "pole_length (m)" in level._repr_html_()
    assert "12 levels" in many._repr_html_()
    assert many._repr_html_().count("<tr>") == 12
    shown = []
    eqx.filter_vmap(lambda level: shown.append(level._repr_html_()) or level)(many)
    assert shown == [None]


def test_an_experiment_shows_its_changes_first_and_hides_no_name():
    evaluation = Evaluation(LevelFile("<script>&.txt"))
    experiment = eqx.tree_at(lambda e: e.evaluation, make_experiment(), evaluation)
    page = experiment._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;&amp;.txt" in page
    assert page.index("<b>num_filters = 4</b>") < page.index("embedding_size = 5")
    assert page.count("<details") == page.count("</details>")


def test_a_runner_shows_how_far_it_is():
    runner = make_runner(jax.random.key(0))
    page = runner._repr_html_()
    assert "Runner after 0 cycles, 0 updates and 0 environment steps" in page
    assert "<b>num_filters = 4</b>" in page
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]) if eqx.is_array(x) else x, runner)
    assert stacked._repr_html_() is None
    shown = []
    eqx.filter_eval_shape(lambda runner: shown.append(runner._repr_html_()), runner)
    assert shown == [None]
    runner.num_cycles.delete()
    assert runner._repr_html_() is None
    assert isinstance(runner, Runner)


def test_a_comparison_is_a_table():
    estimate = Estimate(0.5, 0.25, 0.75)
    method = ComparedMethod(
        "<dr>", {}, (), np.zeros((0, 1)), estimate, estimate, None, None, estimate
    )
    page = Comparison(
        (method,), ("Labyrinth",), (), "success_rate", "transitions", 1, 0.95, ("a < b",)
    )._repr_html_()
    assert "&lt;dr&gt;" in page
    assert "0.500 [0.250, 0.750]" in page
    assert "a &lt; b" in page


def test_what_cannot_be_shown_breaks_no_cell():
    class Broken:
        @never_fails
        def _repr_html_(self):
            return 1 / 0

    assert Broken()._repr_html_() is None


@pytest.mark.slow
def test_the_tour_runs(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    path = pathlib.Path(__file__).parent.parent / "examples" / "tour.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    # Fewer cycles than a reader would want; everything else as it is written.
    small = code.replace("ROUNDS, CYCLES = 20, 20", "ROUNDS, CYCLES = 1, 20")
    assert small != code
    names = {}
    exec(compile(small, str(path), "exec"), names)
    assert len(names["history"]["new_success_rate"]) == 20
    assert names["recording"].length > 0
