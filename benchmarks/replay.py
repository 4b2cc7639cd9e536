"""The cycles of a level replay preset, each kind on its own, with a full level buffer."""

import dataclasses
import statistics
from typing import Any

from minimax_eqx.curricula import LevelReplay
from minimax_eqx.experiment import make_runner, preset
from minimax_eqx.runners import Runner, run

from .buffer import full_buffer
from .cycle import flops_per_cycle
from .timing import MatrixProduct, block, seconds

NUM_CYCLES = 40
KINDS = ("new", "replayed", "mutated")


def bench(name: str, yardstick: MatrixProduct) -> dict[str, dict[str, float]]:
    """Median and best seconds of a cycle of each kind, and its model FLOP utilisation.

    For a preset that mutates, also of an update and what comes with it: a cycle that replays and
    the one that plays the mutants.
    """
    config = preset(name)
    runner = with_full_buffer(make_runner(config))
    forward, update = flops_per_cycle(config, runner)
    samples: dict[str, list[tuple[float, float]]] = {}
    for cycle in range(NUM_CYCLES):
        before = yardstick.rate()
        metrics: dict[str, Any] = {}

        def step(metrics: dict[str, Any] = metrics) -> Any:
            nonlocal runner
            runner, measured = run(runner, 1)
            metrics |= measured
            return runner

        elapsed = seconds(step)
        if cycle > 0:  # the first compiles
            flops = forward + update * float(metrics["updated"][0])
            rate = max(before, yardstick.rate())
            samples.setdefault(_kind(metrics), []).append((elapsed, flops / elapsed / rate))
    results = {
        kind: {
            "seconds": statistics.median(elapsed for elapsed, _ in samples[kind]),
            "best_seconds": min(elapsed for elapsed, _ in samples[kind]),
            "utilisation": statistics.median(ratio for _, ratio in samples[kind]),
        }
        for kind in KINDS
        if kind in samples
    }
    if "mutated" in results:
        pair = [results["replayed"], results["mutated"]]
        results["replayed + mutated"] = {
            key: sum(timing[key] for timing in pair) for key in ("seconds", "best_seconds")
        }
    for kind, timing in results.items():
        cycles = 2 if "+" in kind else 1
        timing["steps_per_second"] = cycles * runner.transitions_per_cycle / timing["seconds"]
    return results


def with_full_buffer(runner: Runner) -> Runner:
    """The runner with a buffer of blank levels with made-up scores, so that it replays at once."""
    curriculum = runner.curriculum
    assert isinstance(curriculum, LevelReplay)
    full = full_buffer(curriculum.buffer.capacity)
    buffer = dataclasses.replace(
        curriculum.buffer, scores=full.scores, ages=full.ages, filled=full.filled
    )
    runner = dataclasses.replace(runner, curriculum=dataclasses.replace(curriculum, buffer=buffer))
    block(runner)
    return runner


def _kind(metrics: dict[str, Any]) -> str:
    measured = [
        k for k in KINDS if f"{k}_passable" in metrics and float(metrics[f"{k}_passable"][0]) >= 0
    ]
    return measured[0]
