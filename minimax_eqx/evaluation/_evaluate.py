"""What a trained population can do: on unseen levels of its own kind, and on held-out tests."""

import math
from typing import Any

import jax
import numpy as np

from ..envs import AbstractLevelGenerator
from ..rollouts._evaluation import EpisodeResults
from ..runners._experiment import Experiment
from ..runners._precision import matmul_precision
from ..runners._runner import Runner
from ..runners._success import judge_results
from ._panels import evaluate_panel, evaluate_panels

# Evaluation draws from streams of its own, so that training is the same with and without it.
UNSEEN_STREAM, HELD_OUT_STREAM = 1_000_003, 1_000_033
# Of the episodes with the largest regret: their mean is the conditional value at risk (CVaR).
WORST_SHARE = 0.1


def evaluate(experiment: Experiment, runner: Runner) -> dict[str, Any]:
    """Evaluates all students of a runner, on one device, as the experiment says.

    Returns plain data: for `unseen` (levels of the training distribution, drawn with a seed that
    training never uses; None if no generator is known) and for each held-out test, the mean return,
    success rate and length over episodes and students, the success rate of each student, and how
    many episodes were played. Success rates are None where nobody says what success is. Where the
    environment knows the best return of a level there is the regret too: its mean, its mean over
    the worst tenth of each student's episodes, and its largest. `measures` are the means of what
    else the environment measures, by name, where there is any.
    """
    options, key = experiment.evaluation, jax.random.key(experiment.seed)
    runner = runner.on(None)
    env, students = runner.experiment.env, runner.students
    generator = options.unseen or _generator_in(runner.experiment.curriculum)
    with matmul_precision(experiment):
        unseen = generator and evaluate_panel(
            (env, generator),
            students,
            num_episodes=options.num_unseen_levels,
            greedy=options.greedy,
            key=jax.random.fold_in(key, UNSEEN_STREAM),
        )
        held_out = evaluate_panels(
            options.suite.panels(env) if options.suite else {},
            students,
            num_episodes=options.num_episodes,
            greedy=options.greedy,
            key=jax.random.fold_in(key, HELD_OUT_STREAM),
        )
    return {
        "cycle": int(runner.num_cycles),
        "updates": int(students.num_updates[0]),
        "greedy": options.greedy,
        "unseen": unseen and _summary(judge_results(experiment, unseen)),
        "held_out": {
            name: _summary(judge_results(experiment, results)) for name, results in held_out.items()
        },
    }


def _generator_in(part: Any) -> AbstractLevelGenerator | None:
    """The first generator among the parts of a curriculum."""

    def is_generator(node):
        return isinstance(node, AbstractLevelGenerator)

    return next(filter(is_generator, jax.tree.leaves(part, is_leaf=is_generator)), None)


def _summary(results: EpisodeResults) -> dict[str, Any]:
    results = jax.tree.map(np.asarray, results)
    measures = {name: float(values.mean()) for name, values in results.measures.items()}
    rates = None if results.successes is None else results.successes.mean(axis=1)
    return {
        "return": float(results.returns.mean()),
        "success_rate": None if rates is None else float(np.mean(rates)),
        "episode_length": float(results.lengths.mean()),
        "success_rate_per_student": None if rates is None else [float(rate) for rate in rates],
        "num_episodes": int(results.returns.shape[1]),
        **({"measures": measures} if measures else {}),
        **({} if results.regrets is None else _regret(np.sort(results.regrets, axis=1))),
    }


def _regret(regrets: np.ndarray) -> dict[str, float]:
    """The regret of all students, whose episodes are in order of it."""
    num_worst = math.ceil(WORST_SHARE * regrets.shape[1])
    return {
        "regret": float(regrets.mean()),
        "regret_of_worst_tenth": float(regrets[:, -num_worst:].mean()),
        "largest_regret": float(regrets.max()),
    }
