"""Parts that are no part of the package: each in a file of its own, trained from any folder."""

import pathlib

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
TINY = {
    **{"num-updates": 2, "log-every": 1, "checkpoint-every": 2, "num-unseen-levels": 2},
    **{"num-steps": 8, "num-levels": 2, "max-episode-steps": 4, "num-epochs": 1},
}
MAZE = {"height": 5, "width": 5, "num-walls": 6}
# Of each file: the options of its own parts, with values that are not the defaults; and further
# ones that make it small.
FILES = {
    "methods/traced": (
        {"prediction-weight": "0.5", "model-learning-rate": "0.01", "co-learnability": "2.0"},
        {**MAZE, "capacity": 4, "num-levels": 4, "core": "no-memory", "suite": "none"},
    ),
    "own_score": ({"target-rate": "0.3", "sharpness": "5.0"}, {**MAZE, "capacity": 4}),
    "own_curriculum": ({"aim": "0.9", "step-size": "0.1"}, {**MAZE, "core": "no-memory"}),
    "own_core": ({"hidden-size": "4", "use-bias": "false"}, {"num-spare-levels": 1}),
    "own_encoder": ({"num-filters": "2", "kernel-size": "2"}, {**MAZE, "num-spare-levels": 1}),
    "own_env": ({"size": "4", "thin-prob": "0.3", "side": None}, {"num-spare-levels": 1}),
    "cart_pole": ({"force": "15.0", "half-lengths": "0.3,0.9"}, {"num-minibatches": 1}),
}
OTHERS = {
    "level_replay": {**MAZE, "capacity": 4, "hidden-size": 4},
    "paired": {"height": 5, "width": 5, "num-walls": 2},
    "seeds_and_sweep": {"num-spare-levels": 1, "hidden-size": 4},
}
