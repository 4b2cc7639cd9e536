"""Any method at a size for two CPU cores."""

from .._composition._draft import draft_of, made, options_of
from ..runners._experiment import Experiment

SUFFIX = "-small"
# What is less in a recipe stays as it is there.
_AT_MOST = {
    **{"num_updates": 300, "log_every": 5, "checkpoint_every": 100, "evaluate_every": 100},
    **{"num_steps": 256, "num_trials": 4, "num_walls": 25, "num_candidates": 400},
    **{"num_beams": 40},
    **{"num_training_cycles": 50, "num_new_levels": 8, "rescored_share": 1 / 16},
    **{"updates_per_buffer": 75},
    **{"hidden_size": 64, "head_size": 64, "num_filters": 32},
    **{"model_size": 32, "model_filters": 4},
    **{"num_epochs": 5, "num_minibatches": 1, "step_size": 0.01},
}
_EXACTLY = {
    **{"learning_rate": 1e-3, "final_learning_rate": None, "annealing": None},
    **{"discount": 0.99, "entropy_coef": 0.01},
}
_NUM_PLAYS = 32
_CAPACITY, _SHARE_OF_CAPACITY = 500, 8


def small(experiment: Experiment) -> Experiment:
    """The same method, to be tried within ten minutes on two CPU cores.

    For example, `small(maze.accel())` is what the command line calls `maze-accel-small`. Its parts
    are those of the experiment. Sizes are cut: 300 updates, 32 plays in a cycle, a small network,
    mazes with fewer walls, lidar with fewer beams, and an eighth of the stored levels, at most 500.
    Where a play is as long as an episode, the time limit is cut with it. Students learn as in
    `quickstart`, faster than in the papers; whatever has a discount, such as a score, has theirs.
    """
    draft = draft_of(experiment)
    num_trials = min(experiment.num_trials, _AT_MOST["num_trials"])
    limits = {**_AT_MOST, "num_levels": _NUM_PLAYS // num_trials}
    if experiment.env.max_episode_steps <= experiment.steps_per_play:
        limits["max_episode_steps"] = limits["num_steps"] * experiment.rollouts_per_play
    for option in options_of(draft):
        name, value = option.field.name, option.value
        if name in limits:
            value = min(value, limits[name])
        elif name == "capacity":
            # No search keeps more than it tries.
            most = min(_CAPACITY, option.draft.values.get("num_candidates", _CAPACITY))
            value = max(1, min(most, value // _SHARE_OF_CAPACITY))
        option.draft.values[name] = _EXACTLY.get(name, value)
    return made(draft)
