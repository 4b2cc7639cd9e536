"""Pictures of a run: learning curves, levels and an episode, and a page that shows them."""

import html
import json
import math
import pathlib
import string
from typing import Any

import jax
import numpy as np

from .._xla._compile import quick_jit
from ..agents import first_student
from ..envs import Maze
from ..envs.maze import render_episode, render_grid, save_gif, save_png
from ..rollouts import record_episode
from ..runners import Runner
from ._folder import CURVES, EPISODE, LEVELS, REPORT, RunFolder

LEVELS_SHOWN, TILE_SIZE = 8, 14
# A stream of random numbers of its own: the report changes nothing about a run.
REPORT_STREAM = 1_000_099

# The parts of the picture: title and metric.
PANELS = (
    ("return", "return"),
    ("success rate", "success_rate"),
    ("entropy", "entropy"),
    ("value loss", "value_loss"),
)

_PAGE = string.Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left }
img { max-width: 100% }
</style>
<h1>$title</h1>
<h2>Learning</h2>
$curves
<h2>Evaluation after $updates updates</h2>
<table>
<tr><th>maze<th>success<th>return<th>steps<th>episodes</tr>
$rows
</table>
<h2>Levels of the kind it trained on</h2>
<img src="$levels" alt="levels">
<h2>An episode on the first of them</h2>
<img src="$episode" alt="an episode">
<h2>Configuration</h2>
<pre>$config</pre>
</html>
""")


def write_curves(folder: RunFolder) -> pathlib.Path | None:
    """Draws the metrics into curves.png; None if there are none yet."""
    from matplotlib.figure import Figure

    rows = folder.metrics().read()
    if not rows:
        return None
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for axis, (title, name) in zip(axes.flat, PANELS, strict=True):
        # A run of another version may lack a column.
        measured = [row for row in rows if not math.isnan(row.get(name, math.nan))]
        x = [row["env_steps"] for row in measured]
        axis.plot(x, [row[name] for row in measured], label="training")
        axis.set_title(title)
        axis.grid(alpha=0.3)
        axis.ticklabel_format(useOffset=False, axis="y")
    _draw_evaluations(folder, {"return": axes[0, 0], "success_rate": axes[0, 1]})
    for axis in axes[0]:
        axis.set_ylim(-0.02, 1.02)
        if len(axis.lines) > 1:
            axis.legend(fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("environment steps")
        axis.xaxis.set_major_formatter(_si)
    path = folder.path / CURVES
    figure.savefig(path, dpi=110)
    return path


def write_report(folder: RunFolder, runner: Runner) -> pathlib.Path:
    """Draws the curves, levels, and an episode of the first student, and a page that shows them.

    Raises `FolderError` if the run has not been evaluated yet.
    """
    evaluation = folder.evaluation()
    curves = write_curves(folder)
    _draw_levels_and_episode(folder, runner)
    page = _PAGE.substitute(
        title=html.escape(folder.path.absolute().name),
        curves=f'<img src="{CURVES}" alt="learning curves">' if curves else "No rows yet.",
        levels=LEVELS,
        episode=EPISODE,
        updates=f"{evaluation['updates']:,}",
        rows="\n".join(
            _row(name, results)
            for name, results in (
                ("unseen training levels", evaluation["unseen"]),
                *evaluation["held_out"].items(),
            )
        ),
        config=html.escape(json.dumps(folder.config().to_dict(), indent=2)),
    )
    path = folder.path / REPORT
    path.write_text(page)
    return path


def _draw_evaluations(folder: RunFolder, axes: dict[str, Any]) -> None:
    """Adds evaluations made on the way, if there were any besides the last."""
    rows = folder.evaluations().read()
    if len(rows) < 2:
        return
    steps = [row["env_steps"] for row in rows]
    mazes = [name.removesuffix(" return") for name in rows[0] if name.endswith(" return")]
    for metric, axis in axes.items():
        for maze in mazes:
            axis.plot(steps, [row[f"{maze} {metric}"] for row in rows], "--", lw=1, label=maze)


def _draw_levels_and_episode(folder: RunFolder, runner: Runner) -> None:
    runner = runner.on(None)
    env = runner.env
    assert isinstance(env, Maze)
    key = jax.random.fold_in(jax.random.key(folder.config().seed), REPORT_STREAM)
    propose_key, episode_key = jax.random.split(key)
    proposal = _propose(runner.curriculum, propose_key)
    shown = jax.tree.map(lambda leaf: leaf[:LEVELS_SHOWN], proposal.levels)
    save_png(render_grid(shown, columns=4, tile_size=TILE_SIZE), folder.path / LEVELS)
    level = jax.tree.map(lambda leaf: leaf[0], proposal.levels)
    recording = record_episode(env, first_student(runner.students), level, key=episode_key)
    length = int(recording.length) + 1
    states = jax.tree.map(lambda leaf: np.asarray(leaf)[:length], recording.states)
    save_gif(render_episode(level, states, env=env), folder.path / EPISODE)


@quick_jit
def _propose(curriculum, key):
    return curriculum.propose(key)[1]


def _si(steps: float, position: int | None = None) -> str:
    """12000 as "12 k"."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if steps >= size:
            return f"{steps / size:g} {unit}"
    return f"{steps:g}"


def _row(name: str, results: dict[str, Any]) -> str:
    return (
        f"<tr><td>{html.escape(name)}<td>{results['success_rate']:.1%}"
        f"<td>{results['return']:.3f}<td>{results['episode_length']:.0f}"
        f"<td>{results['num_episodes']}</tr>"
    )
