"""How the students of several curricula play their worst cart-poles.

    python -m benchmarks.tails

trains domain randomisation, robust PLR, ACCEL and ADR with five seeds each, the seeds of a method
as members of one program, and has all students play the same thousand levels, uniform in the box.
It takes some twenty minutes on two cores. Methods that the results file has already are not trained
again, and the page `results/tails.md` is written in any case.

For each student, one set of episodes finds the tenth of the levels that it plays worst, and another
set measures how it plays those (conditional value at risk; Rutherford et al. 2024, arXiv
2408.15099). A single set would also count levels as bad that were only unlucky. How well a student
plays swings from update to update, so it is evaluated several times, and what counts is the mean:
once up to 300 updates, as many as the recipes make, and once up to twice as many.

Methods are compared after the same number of updates. Those that replay have played more levels by
then, since they learn from some cycles only; the page shows how many steps that was.
"""

import argparse
import datetime
import functools
import itertools
import json
import pathlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, Runner, rollouts
from minimax_eqx._types import PyTree
from minimax_eqx.envs.boxes import Uniform
from minimax_eqx.recipes import cart_pole
from minimax_eqx.runners import member, run_members

from .machine import commit

RESULTS = pathlib.Path(__file__).parent / "results" / "tails.json"
PAGE = RESULTS.with_suffix(".md")
SEEDS = (10, 11, 12, 13, 14)
NUM_LEVELS, NUM_EPISODES, TAIL = 1000, 10, 0.1
# After how many updates students are evaluated, in two parts of their training.
EVALUATED_AT = ((200, 250, 300), (400, 450, 500, 550, 600))
CYCLES_AT_ONCE = 25
METHODS = {
    "DR": cart_pole.dr,
    # As often as in the recipe for ACCEL.
    "robust PLR": functools.partial(cart_pole.robust_plr, replay_prob=0.8),
    "ACCEL": cart_pole.accel,
    "ADR": cart_pole.adr,
}
BASELINE = "DR"
HEADER = """# The worst tenth of cart-poles

Made by `python -m benchmarks.tails`; do not edit it. {about}

Return is the share of the time limit for which the pole stays up, in the mean over {levels:,}
levels of the box, and over the tenth of them that a student plays worst, which other episodes than
the measured ones find. Intervals are of 95 % (Student's t over {seeds} seeds). *Above DR* is the
difference in the worst tenth, with an interval by Welch's t. Where it includes 0, these seeds do
not tell the methods apart.
"""
TABLE = """
## Up to {last} updates

The mean over evaluations after {times} updates.

| method | steps | worst tenth | above DR | all levels | seeds, worst tenth |
| --- | --- | --- | --- | --- | --- |
"""


def train(experiment: Experiment, levels: PyTree) -> dict[str, Any]:
    """By the number of updates: returns of each seed on the worst tenth and on all levels, and the
    steps that were played."""
    make = eqx.filter_vmap(lambda key: Runner.create(experiment, key=key))
    runners = eqx.filter_jit(make)(jax.vmap(jax.random.key)(jnp.asarray(SEEDS)))
    steps_of_cycle = experiment.num_steps * experiment.curriculum.levels_per_cycle
    num_updates, num_cycles = np.zeros(len(SEEDS)), 0
    found = {"tails": {}, "means": {}, "steps": {}}
    for goal in itertools.chain(*EVALUATED_AT):
        while num_updates.mean() < goal:
            runners, metrics = run_members(runners, CYCLES_AT_ONCE)
            num_updates += np.asarray(metrics["updated"]).sum(axis=1)
            num_cycles += CYCLES_AT_ONCE
        each = [evaluate(experiment, member(runners, i), levels) for i in range(len(SEEDS))]
        tails, means = np.round(np.transpose(each), 4).tolist()
        found["tails"][str(goal)], found["means"][str(goal)] = tails, means
        found["steps"][str(goal)] = num_cycles * steps_of_cycle
        print(goal, tails, flush=True)
    return {**found, "date": datetime.date.today().isoformat(), "commit": commit()}


def evaluate(experiment: Experiment, runner: Runner, levels: PyTree) -> tuple[float, float]:
    """Mean return on the worst tenth and on all levels."""
    finding, measuring = (
        np.asarray(_returns(experiment, runner, levels, jax.random.key(seed))) for seed in (1, 2)
    )
    worst = np.argsort(finding, kind="stable")[: round(TAIL * NUM_LEVELS)]
    return float(measuring[worst].mean()), float(measuring.mean())


def _returns(experiment, runner, levels, key) -> jax.Array:
    """The mean return on each level."""
    network = runner.students.first().network
    play = lambda key: rollouts.evaluate(experiment.env, network, levels, key=key).returns  # noqa: E731
    return jnp.mean(jnp.stack([play(key) for key in jax.random.split(key, NUM_EPISODES)]), axis=0)


def fixed_levels(experiment: Experiment) -> PyTree:
    """The same for every method, as long as the box is the same."""
    sample = lambda key: Uniform().sample(experiment.env.level_spec(), key=key)  # noqa: E731
    return jax.vmap(sample)(jax.random.split(jax.random.key(2026), NUM_LEVELS))


def page(results: dict[str, Any]) -> str:
    """The tables of what was trained so far."""
    known = [name for name in METHODS if name in results]
    about = ", ".join(f"{n}: {results[n]['date']}, commit {results[n]['commit']}" for n in known)
    text = HEADER.format(about=f"{about}.", levels=NUM_LEVELS, seeds=len(SEEDS))
    for goals in EVALUATED_AT:
        text += TABLE.format(times=", ".join(map(str, goals)), last=goals[-1])
        so_far = [name for name in known if str(goals[-1]) in results[name]["tails"]]
        baseline = _of_seeds(results, BASELINE, "tails", goals) if BASELINE in so_far else None
        for name in so_far:
            tails, means = (_of_seeds(results, name, of, goals) for of in ("tails", "means"))
            above = _difference(tails, baseline) if baseline and name != BASELINE else ""
            steps = f"{results[name]['steps'][str(goals[-1])] / 1e6:.1f} M"
            seeds = " ".join(f"{tail:.2f}" for tail in tails)
            row = [name, steps, _with_interval(tails), above, _with_interval(means), seeds]
            text += f"| {' | '.join(row)} |\n"
    return text


def _of_seeds(results: dict[str, Any], name: str, what: str, goals: tuple[int, ...]) -> list[float]:
    """For each seed, the mean over evaluations."""
    return np.mean([results[name][what][str(goal)] for goal in goals], axis=0).tolist()


def _with_interval(values: list[float]) -> str:
    from scipy import stats

    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{np.mean(values):.3f} ± {half:.3f}"


def _difference(ours: list[float], others: list[float]) -> str:
    from scipy import stats

    compared = stats.ttest_ind(ours, others, equal_var=False)
    low, high = compared.confidence_interval(0.95)
    return f"{np.mean(ours) - np.mean(others):+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.tails")
    parser.add_argument("methods", nargs="*", choices=[[], *METHODS], help="by default all")
    chosen = parser.parse_args().methods or list(METHODS)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        if name not in results:
            experiment = METHODS[name]()
            results[name] = train(experiment, fixed_levels(experiment))
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            PAGE.write_text(page(results))
    PAGE.write_text(page(results))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
