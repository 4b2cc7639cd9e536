"""The phases of a cycle, each as a program of its own."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx._compile import quick_jit
from minimax_eqx.agents import first_student
from minimax_eqx.curricula import LearnedGenerator
from minimax_eqx.experiment import make_runner, preset
from minimax_eqx.rollouts import rollout
from minimax_eqx.runners import Runner

from .flops import cycle_flops
from .timing import Limits, MatrixProduct, measure, with_rate

CORES = ("lstm", "gru", "s5", "lru")


def phases(runner: Runner, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """The proposal of levels, the rollout and the update of one student, and, if there is a
    teacher, its designs and its update."""
    curriculum, student = runner.curriculum, first_student(runner.students)
    flops, num_students = cycle_flops(runner), runner.num_students
    num_steps = runner.transitions_per_cycle // num_students
    key = jax.random.key(2)
    propose = quick_jit(lambda curriculum, key: curriculum.propose(key))
    _, proposal = propose(curriculum, key)
    num_plays = proposal.num_update_levels

    def repeated(levels):
        return jax.tree.map(lambda leaf: jnp.repeat(leaf, runner.num_trials, axis=0), levels)

    @quick_jit
    def play(student, levels, spare_levels, key):
        levels, spare_levels = repeated((levels, spare_levels))
        return rollout(
            runner.env, student, levels, spare_levels, num_steps=runner.num_steps, key=key
        )

    @quick_jit
    def learn(student, trajectory, key):
        part = None if num_plays is None else num_plays * runner.num_trials
        estimates = student.estimate(trajectory)
        return student.update(trajectory.first_plays(part), estimates.first_plays(part), key=key)

    def rolled_out():
        return play(student, proposal.levels, proposal.spare_levels, key)

    trajectory = rolled_out()
    results = {
        "proposal": measure(lambda: propose(curriculum, key), yardstick, limits),
        "rollout": with_rate(
            measure(rolled_out, yardstick, limits, flops.rollout / num_students), num_steps
        ),
        "update": with_rate(
            measure(
                lambda: learn(student, trajectory, key),
                yardstick,
                limits,
                flops.update / num_students,
            ),
            num_steps,
        ),
    }
    source = getattr(curriculum, "generator", None)
    if isinstance(source, LearnedGenerator):
        results |= teacher_phases(source, curriculum.num_levels, runner, yardstick, limits)
    return results


def teacher_phases(
    source: LearnedGenerator,
    num_levels: int,
    runner: Runner,
    yardstick: MatrixProduct,
    limits: Limits,
) -> dict[str, Any]:
    """A teacher's designs of a cycle's levels, and its update."""
    flops, key = cycle_flops(runner), jax.random.key(1)
    num_steps = num_levels * source.editor.max_episode_steps
    draw = quick_jit(lambda source, key: source.draw(num_levels, key=key))
    learn = quick_jit(
        lambda source, memory, key: source.learn(memory, jnp.ones(num_levels), key=key)
    )
    _, memory = draw(source, key)
    designs = measure(lambda: draw(source, key), yardstick, limits, flops.designs)
    update = measure(
        lambda: learn(source, memory, key),
        yardstick,
        limits,
        flops.teacher_update or 0.0,
        repeats=5,
    )
    return {
        "teacher's designs": with_rate(designs, num_steps),
        "teacher's update": with_rate(update, num_steps),
    }


def bench_cores(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """Rollout and update of the student of `maze-dr` with each core, at the same width."""
    results = {}
    for core in CORES:
        config = preset("maze-dr")
        config = dataclasses.replace(config, network=dataclasses.replace(config.network, core=core))
        timings = phases(make_runner(config), yardstick, limits)
        results |= {f"{core} {phase}": timings[phase] for phase in ("rollout", "update")}
    return results
