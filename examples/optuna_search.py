"""Optuna chooses the settings: each trial is a run in a folder of its own.

    pip install optuna
    python examples/optuna_search.py [TRIALS] [UPDATES]

A trial counts by its success rate on unseen levels. Trials that fall behind are stopped early, and
their folders keep what they had learned by then.
"""

import sys

import optuna  # pyright: ignore[reportMissingImports]: no dependency of this package

import minimax_eqx as mx


def objective(trial: optuna.Trial) -> float:
    """The success rate of a run with settings that the trial suggests."""
    experiment = mx.recipes.maze.quickstart(
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        entropy_coef=trial.suggest_float("entropy_coef", 1e-4, 1e-1, log=True),
        num_updates=NUM_UPDATES,
        checkpoint_every=NUM_UPDATES,
        evaluate_every=5 * max(1, NUM_UPDATES // 20),
        num_unseen_levels=100,
    )
    rates: list[float] = []

    def judge(event) -> None:
        if isinstance(event, mx.experiment.Evaluated):
            rates.append(event.evaluation["unseen"]["success_rate"])
            trial.report(rates[-1], step=event.ledger.updates)
            if trial.should_prune():
                raise optuna.TrialPruned

    mx.train(experiment, f"runs/optuna/{trial.number}", hooks=[judge])
    return rates[-1]


NUM_TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
NUM_UPDATES = int(sys.argv[2]) if len(sys.argv) > 2 else 100

if __name__ == "__main__":
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=NUM_TRIALS)
    print(f"best of {len(study.trials)} trials: {study.best_value:.0%} with {study.best_params}")
