"""The figure of results: IQM with intervals, and tail curves."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from minimax_eqx.statistics import bootstrap, interquartile_mean, mean

from .methods import METHODS

# Colours that people with any kind of colour vision tell apart (Okabe and Ito), and two greys.
COLOURS = dict(
    zip(
        METHODS,
        (
            *("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7"),
            *("#E69F00", "#56B4E9", "#888888", "#8C6D31"),
        ),
        strict=True,
    )
)


def draw(results: Mapping[str, Any], path: pathlib.Path) -> None:
    """Writes the figure, the same for the same results."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "compared", "svg.fonttype": "none", "font.size": 9})
    methods = results["methods"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), constrained_layout=True)
    for place, (name, method) in enumerate(methods.items()):
        scores = np.asarray(method["held_out"])
        whole, each = bootstrap(interquartile_mean, scores), scores.mean(axis=1)
        left.plot([whole.low, whole.high], [place, place], color=COLOURS[name], linewidth=3)
        left.plot([whole.value], [place], "o", color=COLOURS[name], markersize=8)
        left.plot(each, np.full(len(each), place + 0.25), "|", color=COLOURS[name], markersize=8)
        alphas = sorted(method["tail"], key=float)
        tails = [bootstrap(mean, np.asarray(method["tail"][alpha])[:, None]) for alpha in alphas]
        at = [float(alpha) for alpha in alphas]
        right.plot(at, [tail.value for tail in tails], color=COLOURS[name], label=name)
        lows, highs = [tail.low for tail in tails], [tail.high for tail in tails]
        right.fill_between(at, lows, highs, color=COLOURS[name], alpha=0.12, linewidth=0)
    left.set_yticks(range(len(methods)), list(methods))
    left.set_ylim(len(methods) - 0.5, -0.5)
    left.set_xlabel("success rate on minimax-12: IQM, 95 % interval; strokes are seeds")
    right.set_xscale("log")
    right.set_xlabel("share of the levels in %, the worst ones")
    right.set_ylabel("success rate, mean over seeds, 95 % interval")
    right.set_ylim(0, 1)
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
