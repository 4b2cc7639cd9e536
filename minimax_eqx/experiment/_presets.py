"""Named configurations."""

import dataclasses
import difflib

from ._config import Config
from ._options import (
    ConfigError,
    CurriculumConfig,
    EnvConfig,
    EvaluationConfig,
    LevelReplayConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
    TeacherConfig,
)

_LEVEL_REPLAY = CurriculumConfig(method="level-replay")

# The hyperparameters of the reference implementation's preset "dr".
MAZE_DR = Config(evaluate_every=100)

# Those of its preset "plr", which is robust.
MAZE_ROBUST_PLR = Config(
    evaluate_every=100,
    ppo=PPOConfig(learning_rate=3e-4, discount=0.999, entropy_coef=0.0),
    curriculum=_LEVEL_REPLAY,
)
MAZE_PLR = dataclasses.replace(MAZE_ROBUST_PLR, replay=LevelReplayConfig(robust=False))

# Those of its presets "accel", "pplr" and "paccel". Levels start without walls.
MAZE_ACCEL = dataclasses.replace(
    MAZE_ROBUST_PLR,
    levels=LevelsConfig(num_walls=0),
    replay=LevelReplayConfig(replay_prob=0.8, staleness_coef=0.5, num_edits=20),
)
MAZE_PARALLEL_PLR = dataclasses.replace(
    MAZE_ROBUST_PLR,
    ppo=dataclasses.replace(MAZE_ROBUST_PLR.ppo, gae_lambda=0.95),
    replay=LevelReplayConfig(replay_prob=1.0, staleness_coef=0.5, parallel=True),
)
MAZE_PARALLEL_ACCEL = dataclasses.replace(
    MAZE_ACCEL,
    ppo=PPOConfig(discount=0.999),
    replay=dataclasses.replace(MAZE_ACCEL.replay, replay_prob=1.0, parallel=True),
)

# The paper's (arXiv 2408.15099) and its authors' programs', as far as they fit: made for an
# accelerator. 8 plays of 256 steps stand for their one of 2000.
_SFL_UPDATES = 4_577
MAZE_SFL = Config(
    num_updates=_SFL_UPDATES,
    evaluate_every=100,
    network=NetworkConfig(hidden_size=512),
    ppo=PPOConfig(
        learning_rate=2.5e-4,
        anneal_steps=16 * _SFL_UPDATES,
        discount=0.99,
        gae_lambda=0.95,
        clip_range=0.04,
        entropy_coef=0.0,
        num_epochs=4,
        num_minibatches=4,
    ),
    curriculum=CurriculumConfig(method="sfl", num_levels=256),
)

# Those of its preset "paired"; the student's are as in "dr".
MAZE_PAIRED = Config(
    evaluate_every=100,
    levels=LevelsConfig(generator="teacher", replace=False),
    curriculum=CurriculumConfig(method="adversarial", num_students=2),
)
MAZE_POPULATION_PAIRED = dataclasses.replace(
    MAZE_PAIRED,
    curriculum=CurriculumConfig(method="adversarial", num_students=4),
    teacher=TeacherConfig(objective="population-regret"),
)
MAZE_MINIMAX = dataclasses.replace(
    MAZE_PAIRED,
    curriculum=CurriculumConfig(method="adversarial"),
    teacher=TeacherConfig(objective="negative-return"),
)
# The level buffer of robust PLR over the teacher of PAIRED (arXiv 2110.02439).
MAZE_REPAIRED = dataclasses.replace(
    MAZE_PAIRED,
    curriculum=CurriculumConfig(method="level-replay", num_students=2),
    replay=LevelReplayConfig(score="relative-regret"),
)

# Those of its presets whose names begin with "s5".
_S5 = NetworkConfig(core="s5")
MAZE_DR_S5 = dataclasses.replace(MAZE_DR, network=_S5, ppo=PPOConfig(learning_rate=3e-5))
MAZE_ROBUST_PLR_S5 = dataclasses.replace(
    MAZE_ROBUST_PLR,
    network=dataclasses.replace(_S5, layer_norm="pre"),
    ppo=PPOConfig(discount=0.999),
    replay=LevelReplayConfig(temperature=0.5, staleness_coef=0.5),
)
MAZE_ACCEL_S5 = dataclasses.replace(
    MAZE_ACCEL,
    network=_S5,
    ppo=PPOConfig(),
    replay=LevelReplayConfig(temperature=0.1, num_edits=10),
)
MAZE_PARALLEL_PLR_S5 = dataclasses.replace(
    MAZE_PARALLEL_PLR,
    network=_S5,
    ppo=PPOConfig(discount=0.999),
    replay=dataclasses.replace(MAZE_PARALLEL_PLR.replay, temperature=0.5),
)
MAZE_PARALLEL_ACCEL_S5 = dataclasses.replace(
    MAZE_PARALLEL_ACCEL,
    network=_S5,
    ppo=PPOConfig(learning_rate=3e-5, discount=0.999, entropy_coef=0.0),
    replay=dataclasses.replace(MAZE_PARALLEL_ACCEL.replay, temperature=0.1),
)
MAZE_PAIRED_S5 = dataclasses.replace(
    MAZE_PAIRED,
    network=_S5,
    teacher=TeacherConfig(teacher_core="s5", teacher_num_filters=32, teacher_entropy_coef=1e-3),
)

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
    "maze-plr": (MAZE_PLR, "Prioritised level replay, with updates on new levels too."),
    "maze-robust-plr": (MAZE_ROBUST_PLR, "PLR with updates on replayed levels only."),
    "maze-accel": (MAZE_ACCEL, "ACCEL: robust PLR that edits what it replays, from empty mazes."),
    "maze-parallel-plr": (MAZE_PARALLEL_PLR, "PLR with new and replayed levels side by side."),
    "maze-parallel-accel": (
        MAZE_PARALLEL_ACCEL,
        "ACCEL with new, replayed and edited levels side by side.",
    ),
    "maze-paired": (MAZE_PAIRED, "PAIRED: a teacher designs levels, paid by regret."),
    "maze-population-paired": (MAZE_POPULATION_PAIRED, "PAIRED with a population of students."),
    "maze-minimax": (MAZE_MINIMAX, "A teacher that is paid for the student's failure."),
    "maze-repaired": (MAZE_REPAIRED, "REPAIRED: PAIRED's teacher with the level buffer of PLR."),
    "maze-dr-s5": (MAZE_DR_S5, "maze-dr with S5 for memory."),
    "maze-robust-plr-s5": (MAZE_ROBUST_PLR_S5, "maze-robust-plr with S5 for memory."),
    "maze-accel-s5": (MAZE_ACCEL_S5, "maze-accel with S5 for memory."),
    "maze-parallel-plr-s5": (MAZE_PARALLEL_PLR_S5, "maze-parallel-plr with S5 for memory."),
    "maze-parallel-accel-s5": (MAZE_PARALLEL_ACCEL_S5, "maze-parallel-accel with S5 for memory."),
    "maze-paired-s5": (MAZE_PAIRED_S5, "maze-paired with S5 for memories."),
    "maze-sfl": (MAZE_SFL, "Sampling for learnability: trains on levels solved now and then."),
}


def preset(name: str) -> Config:
    """The configuration of that name. Raises `ConfigError` listing the names if there is none."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"There is no preset '{name}'.{hint} Known: {', '.join(PRESETS)}.")
    return PRESETS[name][0]
