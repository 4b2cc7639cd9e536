"""Does domain randomisation learn as well as the reference implementation?

Trains `maze-dr` with 25 walls and learning rate 5e-4, the settings of the recorded reference runs,
and compares. Run `python -m benchmarks.learning_curves --seeds 1 2 3 4 5 6 7 8`: about seven
minutes a seed on two cores. Seeds that the results file has already are not trained again; without
seeds it only compares and draws. Several processes may train different seeds at the same time.

The reference's curves are the four recorded ones, and eight of its release 0.2.0 at the same
settings, in `results/learning_curves_reference.json`. Runs of the same seeds with an earlier
version, whose random streams differ, are in `results/learning_curves_earlier.json`.
"""

import argparse
import json
import pathlib
import time
from typing import TypeAlias

import jax
import numpy as np

from minimax_eqx import run
from minimax_eqx.recipes import maze
from minimax_eqx.runners._ahead import making

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results" / "learning_curves.json"
RECORDED = HERE.parent / "tests" / "golden" / "learning_curves.json"
FURTHER = HERE / "results" / "learning_curves_reference.json"
PAGE = HERE / "results" / "learning_curves.md"
EARLIER = HERE / "results" / "learning_curves_earlier.json"
PICTURE = HERE.parent / "docs" / "images" / "learning_curves.png"

NUM_UPDATES, CHUNK = 300, 10
WINDOW, TAKE_OFF = 10, 0.6
EARLY = slice(20, 40)

Curves: TypeAlias = dict[str, list[float]]

_HEADING = f"""# Learning beside the reference's

Made by `python -m benchmarks.learning_curves` from the curves in this folder; do not edit it.

Domain randomisation at the settings of the recorded reference runs: the recipe `maze-dr` with 25
walls and learning rate 5e-4, {NUM_UPDATES} updates of 8192 transitions each. The return is measured
on fresh levels of the training distribution, since every cycle starts on new ones. A seed *takes
off* when its mean return over {WINDOW} updates exceeds {TAKE_OFF}. The reference's runs are four
recorded ones and eight further seeds of its release 0.2.0; ours are eight seeds, and the same eight
with an earlier version, whose random streams differ.

A large p says that these runs cannot tell the programs apart. It does not say that the two are the
same: with a dozen runs each, a moderate difference could hide. The eight further seeds, the test of
take-off over all runs and the test of the median curves were fixed before they were run; the other
comparisons came after, and the window of updates for the entropy was chosen on eight of our runs.

![Learning curves beside the reference's](../../docs/images/learning_curves.png)

"""


def train(seed: int) -> Curves:
    """Mean return and entropy of every update."""
    runner = making(maze.dr(seed=seed, num_walls=25, learning_rate=5e-4))()
    curves: Curves = {"mean_return": [], "entropy": [], "value_loss": []}
    begin = time.perf_counter()
    for _ in range(NUM_UPDATES // CHUNK):
        runner, metrics = run(runner, CHUNK)
        metrics = jax.device_get(metrics)
        curves["mean_return"] += [round(float(x), 5) for x in metrics["return"]]
        curves["entropy"] += [round(float(x), 5) for x in metrics["entropy"]]
        curves["value_loss"] += [round(float(x), 7) for x in metrics["value_loss"]]
        print(
            f"seed {seed} update {len(curves['entropy'])} return {curves['mean_return'][-1]:.3f} "
            f"({time.perf_counter() - begin:.0f} s)",
            flush=True,
        )
    return curves


def read_results() -> dict[str, Curves]:
    """The curves trained so far, by seed."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def smooth(curve: list[float]) -> np.ndarray:
    """Means over windows of ten updates, one for each update from the tenth on."""
    return np.convolve(curve, np.ones(WINDOW) / WINDOW, mode="valid")


def take_off(run: Curves) -> float:
    """The first update whose ten-update mean return exceeds 0.6; infinity if there is none."""
    above = np.flatnonzero(smooth(run["mean_return"]) > TAKE_OFF)
    return float(above[0]) + WINDOW if above.size else np.inf


def early_entropy(run: Curves) -> float:
    return float(np.mean(run["entropy"][EARLY]))


def summarise(runs: list[Curves]) -> list[str]:
    """What the curves of one set of runs say, as lines of a list."""
    from scipy import stats

    curves = [run["mean_return"] for run in runs]
    times = [take_off(run) for run in runs]
    finals = [smooth(curve)[-1] for curve in curves]
    rho, p = stats.spearmanr([early_entropy(run) for run in runs], times)
    starts = ", ".join("never" if np.isinf(time) else f"{time:.0f}" for time in sorted(times))
    return [
        f"{np.isfinite(times).sum()} of {len(runs)} seeds take off, at update {starts}",
        f"final ten-update mean return: median {np.median(finals):.3f}, "
        f"from {min(finals):.3f} to {max(finals):.3f}",
        f"mean of all curves: {np.mean(curves):.3f}",
        f"entropy of updates {EARLY.start + 1} to {EARLY.stop} and update of take-off: "
        f"Spearman's rho = {rho:.2f}, p = {p:.3f}",
    ]


def compare(ours: list[Curves], reference: list[Curves]) -> list[str]:
    """Asks whether the differences between the two programs are more than those between seeds.

    A large p says that these runs cannot tell the programs apart, not that they are the same.
    """
    from scipy import stats

    times = [take_off(run) for run in ours], [take_off(run) for run in reference]
    later = stats.mannwhitneyu(*times)
    curves = np.array([smooth(run["mean_return"]) for run in ours + reference])

    def ahead(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.median(curves[ours], axis=0) - np.median(curves[reference], axis=0)

    runs = np.split(np.arange(len(curves)), [len(ours)])
    lead = ahead(*runs)
    by_chance = stats.permutation_test(
        runs, lambda *shuffled: np.mean(ahead(*shuffled)), rng=np.random.default_rng(0)
    )
    entropies = [early_entropy(run) for run in ours], [early_entropy(run) for run in reference]
    differs = stats.mannwhitneyu(*entropies)
    return [
        f"update of take-off, a run without one last: median {np.median(times[0]):.0f} and "
        f"{np.median(times[1]):.0f}, Mann-Whitney p = {later.pvalue:.2f}",
        f"median curve: ahead by {np.mean(lead):.3f} in the mean, permutation test "
        f"p = {by_chance.pvalue:.2f}; from {lead.min():.3f} at update {lead.argmin() + WINDOW} "
        f"to {lead.max():.3f} at {lead.argmax() + WINDOW}; ahead at {np.mean(lead > 0):.0%} of all",
        f"entropy of updates {EARLY.start + 1} to {EARLY.stop}: mean {np.mean(entropies[0]):.2f} "
        f"and {np.mean(entropies[1]):.2f}, Mann-Whitney p = {differs.pvalue:.2f}",
    ]


def draw(ours: list[Curves], reference: list[Curves]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 4.5), constrained_layout=True)
    for runs, colour, name in (
        (reference, "tab:orange", "reference (minimax)"),
        (ours, "tab:blue", "minimax_eqx"),
    ):
        smoothed = [smooth(run["mean_return"]) for run in runs]
        updates = np.arange(len(smoothed[0])) + WINDOW
        for curve in smoothed:
            axis.plot(updates, curve, color=colour, alpha=0.25, linewidth=1)
        median = np.median(smoothed, axis=0)
        axis.plot(
            updates, median, color=colour, linewidth=2.5, label=f"{name}, median of {len(runs)}"
        )
    axis.set_xlabel("PPO updates (8192 transitions each)")
    axis.set_ylabel("return on fresh levels, mean of ten updates")
    axis.set_title("Domain randomisation, 13 x 13, 25 walls, learning rate 5e-4")
    axis.legend(loc="lower right")
    axis.grid(alpha=0.3)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    for seed in parser.parse_args().seeds:
        if str(seed) not in read_results():
            curves = train(seed)
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(read_results() | {str(seed): curves}, sort_keys=True))
    results = read_results()
    if not results:
        parser.error("no seed has been trained yet: give --seeds")
    newer = list(results.values())
    earlier = list(json.loads(EARLIER.read_text()).values())
    recorded = json.loads(RECORDED.read_text())["runs_fast"]
    further = json.loads(FURTHER.read_text())["runs"]
    sets = {
        "reference, recorded": recorded,
        "reference, further": further,
        "reference": recorded + further,
        "minimax_eqx": newer,
        "minimax_eqx, earlier": earlier,
        "minimax_eqx, both": newer + earlier,
    }
    text = _HEADING
    for name, runs in sets.items():
        text += f"## {name}\n\n" + "".join(f"- {line}\n" for line in summarise(runs)) + "\n"
    for ours, reference in (
        ("minimax_eqx, both", "reference"),
        ("minimax_eqx", "reference"),
        ("minimax_eqx, both", "reference, further"),
        ("minimax_eqx, both", "reference, recorded"),
    ):
        text += f"## {ours}, beside {reference}\n\n"
        text += "".join(f"- {line}\n" for line in compare(sets[ours], sets[reference])) + "\n"
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(text)
    draw(sets["minimax_eqx, both"], sets["reference"])


if __name__ == "__main__":
    main()
