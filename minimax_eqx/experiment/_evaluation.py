"""What a trained population can do: on unseen levels of its own kind, and on held-out tests."""

from typing import Any

import jax
import numpy as np

from ..rollouts import EpisodeResults
from ..rollouts._panels import evaluate_panel, evaluate_panels
from ..runners import Runner
from ._config import Config
from ._described import matmul_precision, panels_of, unseen_of

# Evaluation draws from streams of its own, so that training is the same with and without it.
UNSEEN_STREAM, HELD_OUT_STREAM = 1_000_003, 1_000_033


def evaluate_run(config: Config, runner: Runner) -> dict[str, Any]:
    """Evaluates all students of a runner, on one device, as its configuration says.

    Returns plain data: for `unseen` (levels of the training distribution, drawn with a seed that
    training never uses) and for each held-out test, the mean return, success rate and length over
    episodes and students, the success rate of each student, and how many episodes were played.

    Raises `ValueError` for an unknown test.
    """
    options, key = config.evaluation, jax.random.key(config.seed)
    students = runner.on(None).students
    with matmul_precision(config):
        unseen = evaluate_panel(
            unseen_of(config),
            students,
            num_episodes=options.num_unseen_levels,
            greedy=options.greedy,
            key=jax.random.fold_in(key, UNSEEN_STREAM),
        )
        held_out = evaluate_panels(
            panels_of(config),
            students,
            num_episodes=options.num_episodes,
            greedy=options.greedy,
            key=jax.random.fold_in(key, HELD_OUT_STREAM),
        )
    return {
        "cycle": int(runner.num_cycles),
        "updates": int(students.num_updates[0]),
        "greedy": options.greedy,
        "unseen": _summary(unseen),
        "held_out": {name: _summary(results) for name, results in held_out.items()},
    }


def _summary(results: EpisodeResults) -> dict[str, Any]:
    results = jax.tree.map(np.asarray, results)
    return {
        "return": float(results.returns.mean()),
        "success_rate": float(results.successes.mean()),
        "episode_length": float(results.lengths.mean()),
        "success_rate_per_student": [float(rate) for rate in results.successes.mean(axis=1)],
        "num_episodes": int(results.returns.shape[1]),
    }
