"""Named configurations."""

import difflib

from .config import (
    Config,
    ConfigError,
    CurriculumConfig,
    EnvConfig,
    EvaluationConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
)

# The hyperparameters of the reference implementation's preset "dr".
MAZE_DR = Config(evaluate_every=100)

QUICKSTART = Config(
    num_updates=400,
    log_every=5,
    checkpoint_every=100,
    env=EnvConfig(),
    levels=LevelsConfig(num_walls=25),
    network=NetworkConfig(hidden_size=64),
    ppo=PPOConfig(learning_rate=1e-3, entropy_coef=1e-2, discount=0.99),
    curriculum=CurriculumConfig(),
    evaluation=EvaluationConfig(),
)

PRESETS: dict[str, tuple[Config, str]] = {
    "quickstart": (
        QUICKSTART,
        "Learns to solve random mazes in a few minutes on two CPU cores.",
    ),
    "maze-dr": (MAZE_DR, "Domain randomisation with the reference's hyperparameters."),
}


def preset(name: str) -> Config:
    """The configuration of that name. Raises `ConfigError` listing the names if there is none."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"There is no preset '{name}'.{hint} Known: {', '.join(PRESETS)}.")
    return PRESETS[name][0]
