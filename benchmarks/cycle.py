"""The training cycle of a preset: each kind of cycle that it has, and its phases."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from minimax_eqx.curricula import (
    AbstractCurriculum,
    DomainRandomisation,
    LearnedGenerator,
    LevelReplay,
    SamplingForLearnability,
)
from minimax_eqx.experiment import make_runner, preset
from minimax_eqx.runners import Runner, run

from .buffer import full_buffer
from .flops import cycle_flops
from .phases import phases
from .timing import Limits, MatrixProduct, Samples, block, measure, timed, with_rate

NUM_CYCLES, NUM_MIXED_CYCLES = 15, 40
KINDS = ("new", "replayed", "mutated")


class NeverUpdate(AbstractCurriculum):
    """Another curriculum's levels, in cycles from which the students do not learn."""

    curriculum: AbstractCurriculum
    update: Array
    num_levels: int = eqx.field(static=True)

    def check(self, num_students, num_trials, num_value_heads):
        self.curriculum.check(num_students, num_trials, num_value_heads)

    def propose(self, key):
        curriculum, proposal = self.curriculum.propose(key)
        proposal = eqx.tree_at(
            lambda p: p.update_students, proposal, self.update, is_leaf=lambda x: x is None
        )
        return self._around(curriculum), proposal

    def learn(self, proposal, evidence, *, key):
        curriculum, metrics = self.curriculum.learn(proposal, evidence, key=key)
        return self._around(curriculum), metrics

    def _around(self, curriculum):
        return NeverUpdate(
            curriculum=curriculum, update=self.update, num_levels=curriculum.num_levels
        )


def bench(name: str, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """Seconds and model FLOP utilisation of each kind of cycle, and of the phases alone."""
    config = preset(name)
    results = cycles(busy(make_runner(config)), yardstick, limits)
    runner = make_runner(config)
    if isinstance(runner.curriculum, DomainRandomisation):
        never = NeverUpdate(
            curriculum=runner.curriculum,
            update=jnp.array(False),
            num_levels=runner.curriculum.num_levels,
        )
        frozen = eqx.tree_at(lambda r: r.curriculum, runner, never)
        flops, num_steps = cycle_flops(runner).rollout, runner.transitions_per_cycle
        without = measure(stepper(frozen), yardstick, limits, flops, NUM_CYCLES)
        results["cycle without update"] = with_rate(without, num_steps)
    return results | phases(busy(make_runner(config)), yardstick, limits)


def stepper(runner: Runner, program: Callable[..., Any] = run) -> Callable[[], Any]:
    """A function that runs the next cycle at each call and returns its metrics."""

    def step():
        nonlocal runner
        runner, metrics = program(runner, 1)
        return metrics

    return step


def cycles(
    runner: Runner,
    yardstick: MatrixProduct,
    limits: Limits,
    program: Callable[..., Any] = run,
) -> dict[str, dict[str, float]]:
    """Cycles of each kind, by `program`, which may be one compiled before.

    For a preset that mutates, also an update and what comes with it: a cycle that replays and the
    one that plays the mutants.
    """
    flops, num_steps = cycle_flops(runner), runner.transitions_per_cycle
    curriculum = runner.curriculum
    learns = isinstance(getattr(curriculum, "generator", None), LearnedGenerator)
    mixed = isinstance(curriculum, LevelReplay | SamplingForLearnability)
    samples: dict[str, Samples] = {}
    step = stepper(runner, program)
    block(step())  # compiles, if that was not done before
    begin = time.perf_counter()
    for _ in range(NUM_MIXED_CYCLES if mixed else NUM_CYCLES):
        before = yardstick.rate()
        elapsed, metrics = timed(step)
        kind = _kind(metrics)
        done = flops.of(
            updated=float(metrics["updated"][0]) > 0, designed=learns and kind in ("cycle", "new")
        )
        samples.setdefault(kind, Samples()).add(elapsed, done, max(before, yardstick.rate()))
        if time.perf_counter() - begin > limits.seconds * (2 if mixed else 1):
            break
    results = {kind: with_rate(taken.summary(), num_steps) for kind, taken in samples.items()}
    if {"replayed", "mutated"} <= results.keys():
        pair = [results["replayed"], results["mutated"]]
        together = {key: sum(one[key] for one in pair) for key in ("seconds", "best_seconds")}
        results["replayed + mutated"] = with_rate(together, 2 * num_steps)
    return dict(sorted(results.items()))


def busy(runner: Runner) -> Runner:
    """The runner in the middle of training: with a full buffer of blank levels with made-up scores,
    so that it replays at once, or shortly before the end of a search for levels."""
    curriculum = runner.curriculum
    if isinstance(curriculum, LevelReplay):
        full = full_buffer(curriculum.buffer.capacity)
        buffer = dataclasses.replace(
            curriculum.buffer, scores=full.scores, ages=full.ages, filled=full.filled
        )
        curriculum = dataclasses.replace(curriculum, buffer=buffer)
    elif isinstance(curriculum, SamplingForLearnability):
        phase = jnp.array(curriculum.num_search_cycles - 3, jnp.int32)
        curriculum = dataclasses.replace(curriculum, phase=phase)
    runner = dataclasses.replace(runner, curriculum=curriculum)
    block(runner)
    return runner


def _kind(metrics: Mapping[str, Any]) -> str:
    """What a cycle played, if a curriculum has cycles of several kinds; else `cycle`."""
    if "searching" in metrics:
        return "search" if float(metrics["searching"][0]) else "training"
    # The passable share of a kind that was not played is NaN.
    played = [k for k in KINDS if float(metrics.get(f"{k}_passable", [jax.numpy.nan])[0]) >= 0]
    return played[0] if len(played) == 1 else "cycle"
