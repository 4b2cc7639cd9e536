"""The phases of a cycle, each as a program of its own."""

import concurrent.futures
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from minimax_eqx._xla._compile import quick_jit
from minimax_eqx.agents import first_student
from minimax_eqx.curricula import LearnedGenerator
from minimax_eqx.experiment import Config, make_runner, preset
from minimax_eqx.rollouts import rollout
from minimax_eqx.runners import Runner

from .flops import cycle_flops
from .timing import Limits, MatrixProduct, block, measure, measure_in_turn, with_rate

CoreName = Literal["lstm", "gru", "s5", "lru"]
CORES: tuple[CoreName, ...] = get_args(CoreName)


def phases(runner: Runner, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """The proposal of levels, the rollout and the update of one student, and, if there is a
    teacher, its designs and its update."""
    curriculum, key = runner.curriculum, jax.random.key(2)
    propose = quick_jit(lambda curriculum, key: curriculum.propose(key))
    results = {"proposal": measure(lambda: propose(curriculum, key), yardstick, limits)}
    num_steps = runner.transitions_per_cycle // runner.num_students
    for phase, (function, flops) in student_phases(runner).items():
        results[phase] = with_rate(measure(function, yardstick, limits, flops), num_steps)
    source = getattr(curriculum, "generator", None)
    if isinstance(source, LearnedGenerator):
        results |= teacher_phases(source, curriculum.num_levels, runner, yardstick, limits)
    return results


def student_phases(runner: Runner) -> dict[str, tuple[Callable[[], Any], float]]:
    """The rollout and the update of one student, each with its FLOPs."""
    curriculum, student = runner.curriculum, first_student(runner.students)
    flops, num_students = cycle_flops(runner), runner.num_students
    key = jax.random.key(2)
    _, proposal = quick_jit(lambda curriculum, key: curriculum.propose(key))(curriculum, key)
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
    return {
        "rollout": (rolled_out, flops.rollout / num_students),
        "update": (lambda: learn(student, trajectory, key), flops.update / num_students),
    }


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


def bench_cores(
    yardstick: MatrixProduct,
    limits: Limits,
    config: Config | None = None,
    cores: Sequence[CoreName] = CORES,
) -> dict[str, Any]:
    """Rollout and update of the student of a configuration, by default that of `maze-dr`, with each
    of some cores, at the same width.

    The cores take turns, so that a machine whose speed drifts does so for all of them.
    """
    base = config or preset("maze-dr")
    curriculum = base.curriculum
    num_steps = curriculum.num_levels * curriculum.num_steps

    def phases_of(core: CoreName):
        network = dataclasses.replace(base.network, core=core)
        found = student_phases(make_runner(dataclasses.replace(base, network=network)))
        for function, _ in found.values():
            block(function())
        return {f"{core} {phase}": timed for phase, timed in found.items()}

    # All compile side by side; an accelerator's compiler leaves most of the processor idle.
    with concurrent.futures.ThreadPoolExecutor(len(cores)) as pool:
        of_cores = list(pool.map(phases_of, cores))
    functions = {name: function for found in of_cores for name, function in found.items()}
    timings = measure_in_turn(functions, yardstick, limits)
    return {name: with_rate(timing, num_steps) for name, timing in timings.items()}
