"""The training cycle of a recipe: each kind of cycle that it has, and its phases."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx import Runner, run
from minimax_eqx.curricula import (
    AbstractCurriculum,
    DomainRandomisation,
    LearnedGenerator,
    LevelReplay,
)
from minimax_eqx.curricula._search import AbstractSearch
from minimax_eqx.recipes._known import RECIPES
from minimax_eqx.runners._ahead import making

from .buffer import full_buffer
from .flops import cycle_flops
from .phases import phases
from .timing import Limits, MatrixProduct, Samples, block, measure, timed, with_rate

NUM_CYCLES, NUM_MIXED_CYCLES = 15, 40
KINDS = ("new", "replayed", "mutated")


class NeverUpdate(AbstractCurriculum):
    """Another curriculum's levels, in cycles from which the students do not learn."""

    curriculum: AbstractCurriculum

    @property
    def levels_per_cycle(self):
        return self.curriculum.levels_per_cycle

    def init(self, evidence, *, key):
        # In the state, so that the compiler cannot know that no cycle updates.
        return self.curriculum.init(evidence, key=key), jnp.array(False)

    def propose(self, state, *, key):
        own, update = state
        own, proposal = self.curriculum.propose(own, key=key)
        return (own, update), dataclasses.replace(proposal, update_students=update)

    def learn(self, state, proposal, evidence, *, key):
        own, update = state
        own, metrics = self.curriculum.learn(own, proposal, evidence, key=key)
        return (own, update), metrics


def bench(name: str, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """Seconds and model FLOP utilisation of each kind of cycle, and of the phases alone."""
    experiment = RECIPES[name]()
    make = making(experiment)
    results = cycles(busy(make()), yardstick, limits)
    if isinstance(experiment.curriculum, DomainRandomisation):
        never = NeverUpdate(experiment.curriculum)
        frozen = making(dataclasses.replace(experiment, curriculum=never))()
        flops = cycle_flops(frozen).rollout
        without = measure(stepper(frozen), yardstick, limits, flops, NUM_CYCLES)
        results["cycle without update"] = with_rate(without, experiment.transitions_per_cycle)
    return results | phases(busy(make()), yardstick, limits)


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

    For a recipe that mutates, also an update and what comes with it: a cycle that replays and the
    one that plays the mutants.
    """
    flops, num_steps = cycle_flops(runner), runner.experiment.transitions_per_cycle
    curriculum = runner.experiment.curriculum
    learns = isinstance(getattr(curriculum, "generator", None), LearnedGenerator)
    mixed = isinstance(curriculum, LevelReplay | AbstractSearch)
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
    curriculum, state = runner.experiment.curriculum, runner.curriculum_state
    if isinstance(curriculum, LevelReplay):
        full = full_buffer(curriculum.capacity)
        buffer = dataclasses.replace(
            state.buffer, scores=full.scores, ages=full.ages, filled=full.filled
        )
        state = dataclasses.replace(state, buffer=buffer)
    elif isinstance(curriculum, AbstractSearch):
        phase = jnp.array(curriculum.num_search_cycles - 3, jnp.int32)
        state = dataclasses.replace(state, phase=phase)
    runner = dataclasses.replace(runner, curriculum_state=state)
    block(runner)
    return runner


def _kind(metrics: Mapping[str, Any]) -> str:
    """What a cycle played, if a curriculum has cycles of several kinds; else `cycle`."""
    if "searching" in metrics:
        return "search" if float(metrics["searching"][0]) else "training"
    # The passable share of a kind that was not played is NaN.
    played = [k for k in KINDS if float(metrics.get(f"{k}_passable", [jax.numpy.nan])[0]) >= 0]
    return played[0] if len(played) == 1 else "cycle"
