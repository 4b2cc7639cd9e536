"""What a trained population can do: on unseen levels of its own kind, and on held-out tests."""

import dataclasses
from typing import Any

import equinox as eqx
import jax

from .._types import PyTree
from ..curricula._fit import LevelsError, check_makes_levels
from ..envs import AbstractEnv, AbstractLevelGenerator
from ..runners._arrays import as_written
from ..runners._experiment import Experiment
from ..runners._precision import matmul_precision
from ..runners._runner import Runner
from ..runners._success import judge_results
from ._panels import Panel, Played, evaluate_panel, evaluate_panels
from ._seen import known_levels, num_seen
from ._summary import per_level, summary

# Evaluation draws from streams of its own, so that training is the same with and without it.
UNSEEN_STREAM, HELD_OUT_STREAM = 1_000_003, 1_000_033


def evaluate(experiment: Experiment, runner: Runner) -> dict[str, Any]:
    """Evaluates all students of a runner, on one device, as the experiment says.

    Returns plain data: for `unseen` (levels of the training distribution, drawn with a seed that
    training never uses; None if no generator is known) and for each held-out test, the mean return,
    success rate and length over episodes and students, the success rate of each student, an
    interval for the success rate (95 %, by Wilson), and how many levels and episodes were played.
    Success rates are None where nobody says what success is. Where the environment knows the best
    return of a level there is the regret too: its mean, its mean over the worst 1 % of each
    student's episodes, and its largest. `measures` are the means of what else the environment
    measures, by name, where there is any.

    `levels` has a row for each level of each test and each student. `cycle` and `updates` say what
    was evaluated, and `seed`, `greedy` and `suite` how.

    `seen_in_training` of a test says how many of its levels students were trained on, as far as
    the runner knows: `compared_with_training` says how many levels of its buffers, fixed tasks or
    lists were looked through. It is None where nothing is known, and for levels of another form,
    such as mazes of another size.
    """
    options = experiment.evaluation
    seed = seed_of(experiment)
    key = jax.random.key(seed)
    runner = runner.on(None)
    env, students = runner.experiment.env, runner.students
    generator = generator_of(experiment, runner)
    panels: dict[str, Panel] = dict(options.suite.panels(env)) if options.suite else {}
    with matmul_precision(experiment):
        unseen = generator and evaluate_panel(
            (env, generator),
            students,
            num_episodes=options.num_unseen_levels,
            greedy=options.greedy,
            key=jax.random.fold_in(key, UNSEEN_STREAM),
        )
        held_out = evaluate_panels(
            panels,
            students,
            num_episodes=options.num_episodes,
            greedy=options.greedy,
            key=jax.random.fold_in(key, HELD_OUT_STREAM),
        )
    unseen = unseen and _judged(experiment, unseen)
    held_out = {name: _judged(experiment, played) for name, played in held_out.items()}
    known = known_levels(runner)

    def told(played: Played, own_env: AbstractEnv) -> dict[str, Any]:
        return summary(played) | {"seen_in_training": num_seen(played, own_env, env, known)}

    rows = per_level("unseen", unseen, env, generator) if unseen and generator else []
    for name, played in held_out.items():
        rows += per_level(name, played, *panels[name])
    drawn = unseen and told(unseen, env) | {"generator": _shown(generator_of(experiment))}
    return {
        "cycle": int(runner.num_cycles),
        "updates": int(students.num_updates[0]),
        "greedy": options.greedy,
        "seed": seed,
        "suite": _shown(options.suite),
        "compared_with_training": {name: len(prints) for name, prints in known.items()},
        "unseen": drawn,
        "held_out": {name: told(played, panels[name][0]) for name, played in held_out.items()},
        "levels": rows,
    }


def _shown(part: PyTree) -> str | None:
    """A part as it is written down, in one line."""
    return part and eqx.tree_pformat(as_written(part), width=10**6)


def _judged(experiment: Experiment, played: Played) -> Played:
    return dataclasses.replace(played, results=judge_results(experiment, played.results))


def seed_of(experiment: Experiment) -> int:
    """The seed of an experiment's evaluation."""
    own = experiment.evaluation.seed
    return experiment.seed if own is None else own


def check_evaluation(experiment: Experiment) -> None:
    """Raises `ValueError`, naming the field, for an evaluation that could not be played. It is
    quick, so that nobody trains first to hear of it."""
    env, options = experiment.env, experiment.evaluation
    if options.suite is not None:
        options.suite.panels(env)
    if options.unseen is not None:
        try:
            check_makes_levels(options.unseen, env.level_spec())
        except LevelsError as error:
            raise ValueError(f"evaluation.unseen: {error.of(env)}") from error


def generator_of(
    experiment: Experiment, runner: Runner | None = None
) -> AbstractLevelGenerator | None:
    """What draws unseen levels: the one that the evaluation names, or the first in the curriculum
    (of the runner, if one is given, whose floats are arrays). None if nothing is known."""

    def is_generator(node):
        return isinstance(node, AbstractLevelGenerator)

    curriculum = (runner.experiment if runner else experiment).curriculum
    parts = jax.tree.leaves(curriculum, is_leaf=is_generator)
    return experiment.evaluation.unseen or next(filter(is_generator, parts), None)
