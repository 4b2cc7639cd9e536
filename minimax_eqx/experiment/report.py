"""Pictures of a run: learning curves, levels and an episode, and a page that shows them."""

import html
import json
import pathlib
import string
from typing import Any

import jax
import numpy as np

from ..agents import first_student
from ..envs import Maze
from ..envs.maze import render_episode, render_grid, save_gif, save_png
from ..runners import Runner, record_episode
from .folder import CURVES, EVALUATION, RunFolder

REPORT, LEVELS, EPISODE = "report.html", "levels.png", "episode.gif"
# A stream of random numbers of its own: the report changes nothing about a run.
REPORT_STREAM = 1_000_099

# Rows of the picture: title and the metrics drawn in it.
PANELS = (
    ("return", ("return",)),
    ("success rate", ("success_rate",)),
    ("entropy", ("entropy",)),
    ("value loss", ("value_loss",)),
)

_PAGE = string.Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
td, th { padding: .2rem .8rem; text-align: right } td:first-child, th:first-child { text-align: left }
img { max-width: 100% }
</style>
<h1>$title</h1>
<h2>Learning</h2>
<img src="$curves" alt="learning curves">
<h2>Evaluation</h2>
<table>
<tr><th>maze<th>success<th>return<th>steps<th>episodes</tr>
$rows
</table>
<h2>Levels of the last proposal</h2>
<img src="$levels" alt="levels">
<h2>An episode</h2>
<img src="$episode" alt="an episode">
<h2>Configuration</h2>
<pre>$config</pre>
</html>
""")


def write_curves(folder: RunFolder) -> pathlib.Path | None:
    """Draws the metrics into curves.png; None if there are none yet."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = folder.metrics().read()
    if not rows:
        return None
    steps = [row["env_steps"] / 1e6 for row in rows]
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex=True, constrained_layout=True)
    for axis, (title, names) in zip(axes.flat, PANELS, strict=True):
        for name in names:
            axis.plot(steps, [row[name] for row in rows])
        axis.set_title(title)
        axis.grid(alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("environment steps (millions)")
    path = folder.path / CURVES
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def write_report(folder: RunFolder, runner: Runner) -> pathlib.Path:
    """Draws levels and an episode of the first student, and a page with all pictures."""
    env = runner.env
    assert isinstance(env, Maze)
    key = jax.random.fold_in(jax.random.key(folder.config().seed), REPORT_STREAM)
    propose_key, episode_key = jax.random.split(key)
    _, proposal = runner.curriculum.propose(propose_key)
    shown = jax.tree.map(lambda leaf: leaf[:8], proposal.levels)
    save_png(render_grid(shown, columns=4), folder.path / LEVELS)
    level = jax.tree.map(lambda leaf: leaf[0], proposal.levels)
    recording = record_episode(env, first_student(runner.students), level, key=episode_key)
    states = jax.tree.map(lambda leaf: np.asarray(leaf)[: int(recording.length) + 1], recording.states)
    save_gif(render_episode(level, states, env=env), folder.path / EPISODE)
    evaluation = json.loads((folder.path / EVALUATION).read_text())
    page = _PAGE.substitute(
        title=html.escape(folder.path.name),
        curves=CURVES,
        levels=LEVELS,
        episode=EPISODE,
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


def _row(name: str, results: dict[str, Any]) -> str:
    return (
        f"<tr><td>{html.escape(name)}<td>{results['success_rate']:.1%}"
        f"<td>{results['return']:.3f}<td>{results['episode_length']:.0f}"
        f"<td>{results['num_episodes']}</tr>"
    )
