"""How the students of several curricula play their worst cart-poles.

    python -m benchmarks.tails

trains domain randomisation, robust PLR, ACCEL and ADR with five seeds each, the seeds of a method
as members of one program, and has all students play the same thousand levels, uniform in the box.
It takes some ten minutes on two cores. Methods that the results file has already are not trained
again, and the page `results/tails.md` is written in any case.

For each student, one set of episodes finds the tenth of the levels that it plays worst, and another
set measures how it plays those (conditional value at risk; Rutherford et al. 2024, arXiv
2408.15099). A single set would also count levels as bad that were only unlucky. The return of a
student swings from update to update, so each is evaluated three times in the last third of its
training, and what counts is the mean.

Methods are compared after the same number of updates. Those that replay have played more levels by
then, since they learn from some cycles only; the page shows how many steps that was.
"""

import argparse
import datetime
import functools
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
# After how many updates students are evaluated.
EVALUATED_AT = (200, 250, 300)
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
difference in the worst tenth, with an interval by Welch's t. All made {updates} updates.

| method | steps | worst tenth | above DR | all levels | seeds, worst tenth |
| --- | --- | --- | --- | --- | --- |
"""


def train(experiment: Experiment, levels: PyTree) -> dict[str, Any]:
    """Returns on the worst tenth and on all levels of each seed, and the steps that were played."""
    make = eqx.filter_vmap(lambda key: Runner.create(experiment, key=key))
    runners = eqx.filter_jit(make)(jax.vmap(jax.random.key)(jnp.asarray(SEEDS)))
    steps_of_cycle = experiment.num_steps * experiment.curriculum.levels_per_cycle
    num_updates, num_cycles, found = np.zeros(len(SEEDS)), 0, []
    for goal in EVALUATED_AT:
        while num_updates.mean() < goal:
            runners, metrics = run_members(runners, CYCLES_AT_ONCE)
            num_updates += np.asarray(metrics["updated"]).sum(axis=1)
            num_cycles += CYCLES_AT_ONCE
        found.append([evaluate(experiment, member(runners, i), levels) for i in range(len(SEEDS))])
        print(goal, np.round(found[-1], 3).tolist(), flush=True)
    tails, means = np.mean(found, axis=0).T
    return {
        "tails": [round(float(tail), 4) for tail in tails],
        "means": [round(float(mean), 4) for mean in means],
        "updates": num_updates.tolist(),
        "steps": num_cycles * steps_of_cycle,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
    }


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
    """The table of what was trained so far."""
    known = [name for name in METHODS if name in results]
    about = ", ".join(f"{n}: {results[n]['date']}, commit {results[n]['commit']}" for n in known)
    baseline = results.get(BASELINE, {}).get("tails")
    rows = []
    for name in known:
        one = results[name]
        above = _difference(one["tails"], baseline) if baseline and name != BASELINE else ""
        seeds = " ".join(f"{tail:.2f}" for tail in one["tails"])
        tail, mean = _with_interval(one["tails"]), _with_interval(one["means"])
        row = [name, f"{one['steps'] / 1e6:.1f} M", tail, above, mean, seeds]
        rows.append(f"| {' | '.join(row)} |\n")
    header = HEADER.format(
        about=f"{about}.", levels=NUM_LEVELS, seeds=len(SEEDS), updates=EVALUATED_AT[-1]
    )
    return header + "".join(rows)


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
