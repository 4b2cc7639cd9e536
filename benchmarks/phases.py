"""The phases of a cycle, each as a program of its own."""

import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx import Experiment, Runner
from minimax_eqx._composition._draft import with_changes
from minimax_eqx._xla._compile import quick_jit
from minimax_eqx.curricula import AbstractCurriculum, LearnedGenerator
from minimax_eqx.nets import GRU, LRU, LSTM, S5
from minimax_eqx.recipes import maze
from minimax_eqx.rollouts._rollout import rollout
from minimax_eqx.runners._ahead import making

from .flops import cycle_flops
from .timing import Limits, MatrixProduct, block, measure, measure_in_turn, with_rate

CORES = {"lstm": LSTM, "gru": GRU, "s5": S5, "lru": LRU}
"""The cores that are measured side by side."""


def phases(runner: Runner, yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """The proposal of levels, the rollout and the update of one student, and, if there is a
    teacher, its designs and its update."""
    experiment, state, key = runner.experiment, runner.curriculum_state, jax.random.key(2)
    curriculum = experiment.curriculum
    results = {"proposal": measure(lambda: _propose(curriculum, state, key), yardstick, limits)}
    num_steps = experiment.transitions_per_cycle // experiment.num_students
    for phase, (function, flops) in student_phases(runner).items():
        results[phase] = with_rate(measure(function, yardstick, limits, flops), num_steps)
    source = getattr(curriculum, "generator", None)
    if isinstance(source, LearnedGenerator):
        results |= teacher_phases(source, runner, yardstick, limits)
    return results


def student_phases(runner: Runner) -> dict[str, tuple[Callable[[], Any], float]]:
    """The rollout and the update of one student, each with its FLOPs."""
    experiment, student = runner.experiment, runner.students.first()
    flops, num_students = cycle_flops(runner), experiment.num_students
    key = jax.random.key(2)
    _, proposal = _propose(experiment.curriculum, runner.curriculum_state, key)
    num_plays = proposal.num_update_levels

    def repeated(levels):
        return jax.tree.map(lambda leaf: jnp.repeat(leaf, experiment.num_trials, axis=0), levels)

    @quick_jit
    def play(env, policy, levels, spare_levels, key):
        levels, spare_levels = repeated((levels, spare_levels))
        return rollout(env, policy, levels, spare_levels, num_steps=experiment.num_steps, key=key)

    @quick_jit
    def learn(learner, student, trajectory, key):
        part = None if num_plays is None else num_plays * experiment.num_trials
        estimates = learner.estimate(trajectory)
        return learner.update(
            student, trajectory.first_plays(part), estimates.first_plays(part), key=key
        )

    def rolled_out():
        return play(experiment.env, student.network, proposal.levels, proposal.spare_levels, key)

    trajectory = rolled_out()
    return {
        "rollout": (rolled_out, flops.rollout / num_students),
        "update": (
            lambda: learn(experiment.student, student, trajectory, key),
            flops.update / num_students,
        ),
    }


def teacher_phases(
    source: LearnedGenerator,
    runner: Runner,
    yardstick: MatrixProduct,
    limits: Limits,
) -> dict[str, Any]:
    """A teacher's designs of a cycle's levels, and its update."""
    flops, key = cycle_flops(runner), jax.random.key(1)
    state = runner.curriculum_state.source
    num_levels = runner.experiment.curriculum.levels_per_cycle
    editor = source.design.editor(state.level_spec.level)
    num_steps = num_levels * editor.max_episode_steps
    draw = quick_jit(lambda source, state, key: source.draw(state, num_levels, key=key))
    learn = quick_jit(
        lambda source, state, memory, key: source.learn(
            state, memory, jnp.ones(num_levels), key=key
        )
    )
    _, memory = draw(source, state, key)
    designs = measure(lambda: draw(source, state, key), yardstick, limits, flops.designs)
    update = measure(
        lambda: learn(source, state, memory, key),
        yardstick,
        limits,
        flops.teacher_update or 0.0,
        repeats=5,
    )
    return {
        "teacher's designs": with_rate(designs, num_steps),
        "teacher's update": with_rate(update, num_steps),
    }


def with_core(experiment: Experiment, core: str) -> Experiment:
    """The experiment with another recurrent core for its student, of the same width."""
    student: Any = experiment.student
    part = CORES[core](hidden_size=student.network.core.hidden_size)
    return with_changes(experiment, {"student.core": part})


def bench_cores(
    yardstick: MatrixProduct,
    limits: Limits,
    experiment: Experiment | None = None,
    cores: Sequence[str] = tuple(CORES),
) -> dict[str, Any]:
    """Rollout and update of the student of an experiment, by default of `maze-dr`, with each of
    some cores, at the same width.

    The cores take turns, so that a machine whose speed drifts does so for all of them.
    """
    base = experiment or maze.dr()

    def phases_of(core: str):
        found = student_phases(making(with_core(base, core))())
        for function, _ in found.values():
            block(function())
        return {f"{core} {phase}": timed for phase, timed in found.items()}

    # All compile side by side; an accelerator's compiler leaves most of the processor idle.
    with concurrent.futures.ThreadPoolExecutor(len(cores)) as pool:
        of_cores = list(pool.map(phases_of, cores))
    functions = {name: function for found in of_cores for name, function in found.items()}
    timings = measure_in_turn(functions, yardstick, limits)
    num_steps = base.transitions_per_cycle // base.num_students
    return {name: with_rate(timing, num_steps) for name, timing in timings.items()}


@quick_jit
def _propose(curriculum: AbstractCurriculum, state: Any, key: Any) -> Any:
    return curriculum.propose(state, key=key)
