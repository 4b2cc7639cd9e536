"""Pictures of a run: learning curves, levels and an episode, and a page that shows them."""

import html
import json
import math
import pathlib
import string
from collections.abc import Mapping
from typing import Any

import jax

from .._composition._plain import to_plain
from .._xla._compile import quick_jit
from ..envs import AbstractArtist
from ..envs._pictures import save_picture
from ..rollouts import record_episode
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ._run_folder import CURVES, EPISODE, LEVELS, REPORT, RunFolder

LEVELS_SHOWN = 8
# A stream of random numbers of its own: the report changes nothing about a run.
REPORT_STREAM = 1_000_099
CURVES_OF = ("return", "success_rate", "entropy", "value_loss")
_PICTURES = f"""\
<h2>Levels of the kind it trained on</h2>
<img src="{LEVELS}" alt="levels">
<h2>An episode on the first of them</h2>
<img src="{EPISODE}" alt="an episode">"""


def write_report(folder: RunFolder, experiment: Experiment, runner: Runner) -> pathlib.Path:
    """Draws the curves, and a page that shows them, the evaluation, and, if the environment has an
    artist, levels and an episode of the first student.

    Raises `FolderError` if the run has not been evaluated yet.
    """
    evaluation = folder.evaluation()
    curves = write_curves(folder)
    pictures = "<p>This environment has no artist who could draw its levels.</p>"
    artist = experiment.env.artist()
    if artist is not None:
        _draw_levels_and_episode(folder, artist, runner.on(None), experiment.seed)
        pictures = _PICTURES
    template = string.Template(pathlib.Path(__file__).with_name(REPORT).read_text())
    page = template.substitute(
        title=html.escape(folder.path.absolute().name),
        curves=f'<img src="{CURVES}" alt="learning curves">' if curves else "No rows yet.",
        updates=f"{evaluation['updates']:,}",
        rows="\n".join(
            f"<tr><td>{'<td>'.join(map(html.escape, cells))}</tr>"
            for cells in evaluation_cells(evaluation)
        ),
        pictures=pictures,
        config=html.escape(json.dumps(to_plain(experiment), indent=2)),
    )
    path = folder.path / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def evaluation_cells(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each test its name, success rate, return, steps and number of episodes, as text."""
    return [
        (
            "unseen training levels" if name == "unseen" else name,
            "not measured" if results["success_rate"] is None else f"{results['success_rate']:.1%}",
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
        for name, results in all_results(evaluation).items()
    ]


def all_results(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The results by name: of unseen levels first, if there were any, then of held-out tests."""
    unseen = evaluation["unseen"]
    return ({"unseen": unseen} if unseen else {}) | evaluation["held_out"]


def write_curves(folder: RunFolder) -> pathlib.Path | None:
    """Draws the metrics into curves.png; None if there are none yet."""
    from matplotlib.figure import Figure

    rows, evaluations = folder.metrics().read(), folder.evaluations().read()
    if not rows:
        return None
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for axis, metric in zip(axes.flat, CURVES_OF, strict=True):
        # Of the evaluations those made on the way, if there were any besides the last.
        columns = [n for n in evaluations[0] if n.endswith(f" {metric}")] if evaluations[1:] else []
        lines = [("training", rows, metric)]
        lines += [(n.removesuffix(f" {metric}"), evaluations, n) for n in columns]
        for label, table, column in lines:
            # A run of another version may lack a column.
            measured = [row for row in table if not math.isnan(row.get(column, math.nan))]
            x, y = ([row[name] for row in measured] for name in ("env_steps", column))
            axis.plot(x, y, "-" if label == "training" else "--", label=label)
        axis.set_title(metric.replace("_", " "))
        axis.grid(alpha=0.3)
        axis.ticklabel_format(useOffset=False, axis="y")
        if metric == "success_rate":
            axis.set_ylim(-0.02, 1.02)
        if columns:
            axis.legend(fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("environment steps")
    path = folder.path / CURVES
    figure.savefig(path, dpi=110)
    return path


def _draw_levels_and_episode(
    folder: RunFolder, artist: AbstractArtist, runner: Runner, seed: int
) -> None:
    key = jax.random.fold_in(jax.random.key(seed), REPORT_STREAM)
    propose_key, episode_key = jax.random.split(key)
    env = runner.experiment.env
    levels = _propose(runner.experiment.curriculum, runner.curriculum_state, propose_key).levels
    shown = jax.tree.map(lambda leaf: leaf[:LEVELS_SHOWN], levels)
    save_picture(artist.draw_levels(shown), folder.path / LEVELS)
    level = jax.tree.map(lambda leaf: leaf[0], levels)
    student = runner.students.first().network
    recording = record_episode(env, student, level, key=episode_key)
    states, length = jax.device_get((recording.states, recording.length))
    frames = artist.draw_episode(env, level, states, int(length))
    save_picture(frames, folder.path / EPISODE)


@quick_jit
def _propose(curriculum, state, key):
    return curriculum.propose(state, key=key)[1]
