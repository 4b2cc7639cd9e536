"""Pictures of a run: learning curves, levels and an episode, and a page that shows them."""

import html
import json
import logging
import math
import pathlib
import string
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from .._xla._compile import quick_jit
from ..agents import first_student
from ..rollouts import record_episode
from ..runners import Runner
from ._described import artist_of
from ._folder import CURVES, EPISODE, LEVELS, REPORT, RunFolder
from ._hooks import Evaluated, Event, Finished, Progressed, Started
from ._own_hooks import all_results

LEVELS_SHOWN, COLUMNS, GAP = 8, 4, 10
# A stream of random numbers of its own: the report changes nothing about a run.
REPORT_STREAM = 1_000_099
# The parts of the picture: title and metric.
PANELS = (
    ("return", "return"),
    ("success rate", "success_rate"),
    ("entropy", "entropy"),
    ("value loss", "value_loss"),
)
_PICTURES = f"""\
<h2>Levels of the kind it trained on</h2>
<img src="{LEVELS}" alt="levels">
<h2>An episode on the first of them</h2>
<img src="{EPISODE}" alt="an episode">"""
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
<tr><th>levels<th>success<th>return<th>steps<th>episodes</tr>
$rows
</table>
$pictures
<h2>Configuration</h2>
<pre>$config</pre>
</html>
""")


class WriteReport:
    """A hook that draws report.html when a run is complete, and its curves when it is interrupted.

    What cannot be written is warned of, since everything else is done.
    """

    def __init__(self):
        self._is_due = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._is_due = not (event.folder.path / REPORT).is_file()
        if isinstance(event, Progressed | Evaluated):
            self._is_due = True
        if isinstance(event, Finished) and self._is_due:
            try:
                if event.interrupted:
                    write_curves(event.folder)
                else:
                    write_report(event.folder, event.runner)
            except (OSError, ValueError, ImportError) as error:
                name = CURVES if event.interrupted else REPORT
                logging.getLogger("minimax_eqx").warning("%s was not written: %s", name, error)


def write_report(folder: RunFolder, runner: Runner) -> pathlib.Path:
    """Draws the curves, and a page that shows them, the evaluation, and, if the environment has an
    artist, levels and an episode of the first student.

    Raises `FolderError` if the run has not been evaluated yet.
    """
    evaluation = folder.evaluation()
    curves = write_curves(folder)
    artist = artist_of(runner.env)
    if artist is not None:
        _draw_levels_and_episode(folder, runner, artist)
    page = _PAGE.substitute(
        title=html.escape(folder.path.absolute().name),
        curves=f'<img src="{CURVES}" alt="learning curves">' if curves else "No rows yet.",
        updates=f"{evaluation['updates']:,}",
        rows="\n".join(
            f"<tr><td>{html.escape(cells[0])}<td>{'<td>'.join(cells[1:])}</tr>"
            for cells in evaluation_cells(evaluation)
        ),
        pictures=_PICTURES if artist else "<p>This environment has no artist to draw its levels.",
        config=html.escape(json.dumps(folder.config().to_dict(), indent=2)),
    )
    path = folder.path / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def evaluation_cells(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each test its name, success rate, return, steps and number of episodes, as text."""
    return [
        (
            "unseen training levels" if name == "unseen" else name,
            f"{results['success_rate']:.1%}",
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
        for name, results in all_results(evaluation).items()
    ]


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
    evaluations = folder.evaluations().read()
    for axis, (_, metric) in zip(axes[0], PANELS[:2], strict=True):
        # Those made on the way, if there were any besides the last.
        names = [n.removesuffix(f" {metric}") for n in evaluations[0]] if evaluations[1:] else []
        for name in (n for n in names if f"{n} {metric}" in evaluations[0]):
            steps = [row["env_steps"] for row in evaluations]
            values = [row[f"{name} {metric}"] for row in evaluations]
            axis.plot(steps, values, "--", lw=1, label=name)
        if metric == "success_rate":
            axis.set_ylim(-0.02, 1.02)
        if len(axis.lines) > 1:
            axis.legend(fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("environment steps")
    path = folder.path / CURVES
    figure.savefig(path, dpi=110)
    return path


def _draw_levels_and_episode(folder: RunFolder, runner: Runner, artist: Any) -> None:
    from PIL import Image

    runner = runner.on(None)
    key = jax.random.fold_in(jax.random.key(folder.config().seed), REPORT_STREAM)
    propose_key, episode_key = jax.random.split(key)
    levels = _propose(runner.curriculum, propose_key).levels
    num_levels = min(LEVELS_SHOWN, jax.tree.leaves(levels)[0].shape[0])
    shown = [jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(num_levels)]
    drawn = [np.asarray(artist.draw_level(level)) for level in shown]
    Image.fromarray(_sheet(drawn)).save(folder.path / LEVELS)
    student = first_student(runner.students)
    recording = record_episode(runner.env, student, shown[0], key=episode_key)
    frames = artist.draw_episode(runner.env, shown[0], recording.states, recording.length)
    first, *rest = [Image.fromarray(np.asarray(frame)) for frame in frames]
    first.save(folder.path / EPISODE, save_all=True, append_images=rest, duration=100, loop=0)


def _sheet(images: list[np.ndarray]) -> np.ndarray:
    """Pictures side by side in rows, on white."""
    height, width = (max(image.shape[axis] for image in images) + GAP for axis in (0, 1))
    rows = -(-len(images) // COLUMNS)
    sheet = np.full(
        (rows * height + GAP, min(len(images), COLUMNS) * width + GAP, 3), 255, np.uint8
    )
    for i, image in enumerate(images):
        y, x = GAP + i // COLUMNS * height, GAP + i % COLUMNS * width
        sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
    return sheet


@quick_jit
def _propose(curriculum, key):
    return curriculum.propose(key)[1]
