"""Does a curriculum show? Draws what recorded runs did to levels and students.

`python -m benchmarks.curricula` draws the pictures of the documentation from the tables in
`results/curricula/`. The commands that made those are in docs/performance.md;
`--record NAME RUN` takes the tables from the folder of another run.
"""

import argparse
import csv
import pathlib
import shutil

import numpy as np

HERE = pathlib.Path(__file__).parent
RECORDS = HERE / "results" / "curricula"
PICTURES = HERE.parent / "docs" / "images"
TABLES = ("metrics.csv", "evaluations.csv")
WINDOW = 10


def read(name: str, table: str) -> dict[str, np.ndarray]:
    """The columns of a recorded run's table; NaN where a cell is empty."""
    with open(RECORDS / name / table, newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column] or "nan") for row in rows]) for column in rows[0]}


def smooth(values: np.ndarray) -> np.ndarray:
    """Means over windows of ten rows, of what was measured in them."""
    return np.array(
        [np.nanmean(values[max(0, i - WINDOW + 1) : i + 1]) for i in range(len(values))]
    )


def held_out(evaluations: dict[str, np.ndarray]) -> np.ndarray:
    """The mean success rate over the held-out mazes, at each evaluation."""
    names = [n for n in evaluations if n.endswith("success_rate") and not n.startswith("unseen")]
    return np.mean([evaluations[name] for name in names], axis=0)


def draw_accel() -> None:
    """Walls and paths of replayed levels, and success on held-out mazes."""
    from matplotlib import pyplot as plt

    metrics, evaluations = read("accel", "metrics.csv"), read("accel", "evaluations.csv")
    replays = ~np.isnan(metrics["replayed_num_walls"])
    updates = metrics["updates"][replays]
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    for axis, name, title in (
        (axes[0], "replayed_num_walls", "walls of replayed levels"),
        (axes[1], "replayed_shortest_path_length", "shortest path of replayed levels"),
    ):
        axis.plot(updates, metrics[name][replays], alpha=0.25)
        axis.plot(updates, smooth(metrics[name][replays]), color="tab:blue", linewidth=2)
        axis.set_title(title)
    axes[2].plot(evaluations["updates"], held_out(evaluations), marker="o")
    axes[2].set_title("success on the panel minimax-12")
    _finish(figure, axes, "accel.png")


def draw_teachers() -> None:
    """PAIRED's regret and its protagonist, and the minimax adversary's student."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    paired, adversary = read("paired", "metrics.csv"), read("minimax", "metrics.csv")
    axes[0].plot(paired["updates"], paired["teacher_payoff"], alpha=0.25)
    axes[0].plot(paired["updates"], smooth(paired["teacher_payoff"]), color="tab:blue")
    axes[0].set_title("PAIRED: regret of designed levels")
    for name, colour in (("paired", "tab:blue"), ("minimax", "tab:red")):
        tests = read(name, "evaluations.csv")
        axes[1].plot(tests["updates"], tests["unseen success_rate"], "o-", color=colour, label=name)
    axes[1].set_title("success on random mazes")
    axes[1].legend()
    for metrics, colour, name in (
        (paired, "tab:blue", "paired"),
        (adversary, "tab:red", "minimax"),
    ):
        axes[2].plot(metrics["updates"], smooth(metrics["return"]), color=colour, label=name)
    axes[2].set_title("return on designed levels")
    axes[2].legend()
    _finish(figure, axes, "teachers.png")


def _finish(figure, axes, name: str) -> None:
    for axis in axes:
        axis.set_xlabel("PPO updates")
        axis.grid(alpha=0.3)
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / name, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curricula", description=__doc__)
    parser.add_argument("--record", nargs=2, metavar=("NAME", "RUN"))
    record = parser.parse_args().record
    if record:
        name, run = record
        (RECORDS / name).mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            shutil.copy(pathlib.Path(run) / table, RECORDS / name / table)
    import matplotlib

    matplotlib.use("Agg")
    for needed, draw in ((("accel",), draw_accel), (("paired", "minimax"), draw_teachers)):
        if all((RECORDS / name).is_dir() for name in needed):
            draw()


if __name__ == "__main__":
    main()
