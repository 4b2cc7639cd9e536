"""What eight seeds cost as one program, beside one seed, where one leaves the machine idle."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from minimax_eqx import Runner, run
from minimax_eqx.recipes import maze
from minimax_eqx.runners import member, run_members

from .timing import Limits, MatrixProduct, block, measure_in_turn, with_rate

NUM_SEEDS, NUM_CYCLES, REPEATS = 8, 20, 9
# A small maze, a few levels, and a network so small that most of a cycle is not arithmetic.
SMALL = {
    **{"height": 5, "width": 5, "max_episode_steps": 16, "num_walls": 4},
    **{"num_levels": 2, "num_spare_levels": 2, "num_steps": 16, "num_epochs": 2},
    **{"hidden_size": 8, "num_filters": 4, "head_size": 8},
}


def bench(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """Cycles of domain randomisation at a small shape: one seed, and eight as one program, one
    after another and side by side, called by turns. The note says how many times one seed's time
    that is, and how far the results are from those of the seeds alone."""
    experiment = maze.dr(track_level_metrics=False, **SMALL)
    keys = jax.random.split(jax.random.key(0), NUM_SEEDS)
    make = eqx.filter_jit(eqx.filter_vmap(lambda key: Runner.create(experiment, key=key)))
    ways = {"one after another": False, "side by side": True}
    runners = {line: make(keys) for line in ways}
    ones = [member(make(keys), 0)]

    def run_one():
        runner, metrics = run(ones.pop(), NUM_CYCLES)
        ones.append(runner)
        return metrics

    def run_all(line):
        runners[line], metrics = run_members(runners[line], NUM_CYCLES, side_by_side=ways[line])
        return metrics

    name = f"{NUM_SEEDS} seeds, "
    functions = {"1 seed": (run_one, 0.0)}
    functions |= {name + line: (lambda line=line: run_all(line), 0.0) for line in ways}
    timings = measure_in_turn(functions, yardstick, limits, REPEATS)
    block((ones, runners))
    num_steps, one = experiment.transitions_per_cycle * NUM_CYCLES, timings["1 seed"]
    found: dict[str, Any] = {"1 seed": with_rate(one, num_steps)}
    for line, side_by_side in ways.items():
        timing = timings[name + line]
        ratio = timing["seconds"] / one["seconds"]
        far = _distance(make(keys), side_by_side)
        note = f"{ratio:.2f} times one seed; results differ by at most {far:.1g}"
        more = {"ratio": ratio, "largest_difference": far, "note": note}
        found[name + line] = with_rate(timing, NUM_SEEDS * num_steps) | more
    return found


def _distance(runners: Runner, side_by_side: bool) -> float:
    """The largest difference of a parameter between members and the same seeds alone."""
    alone = [run(member(runners, i), NUM_CYCLES)[0] for i in range(NUM_SEEDS)]
    together, _ = run_members(runners, NUM_CYCLES, side_by_side=side_by_side)
    differences = [0.0]
    for i, one in enumerate(alone):
        pairs = zip(_parameters(one), _parameters(member(together, i)), strict=True)
        differences += [float(np.abs(x - y).max()) for x, y in pairs]
    return max(differences)


def _parameters(runner: Runner) -> list[np.ndarray]:
    leaves = jax.tree.leaves(eqx.filter(runner.students.network, eqx.is_inexact_array))
    return [np.asarray(leaf) for leaf in leaves]
