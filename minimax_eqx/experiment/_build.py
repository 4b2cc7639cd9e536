"""From a configuration to the parts it describes."""

import contextlib
from typing import Any

import jax

from .. import scores
from .._xla._compile import RunOnce
from ..agents import PPO, Adam, ClippedValueLoss, HuberValueLoss
from ..curricula import (
    AbstractCurriculum,
    AbstractPrioritisation,
    AdversarialDesign,
    BeatTheLeastLikely,
    BeatTheLowestScore,
    DomainRandomisation,
    Easiest,
    Hardest,
    LearnedGenerator,
    LevelReplay,
    NewAndReplayed,
    Proportional,
    Rank,
    Replayed,
    SamplingForLearnability,
    Sequential,
    SideBySide,
    TopK,
    WholeBatch,
)
from ..envs import AbstractLevelGenerator, Maze
from ..envs.maze import MazeDesign, MazeEdits, PerfectMaze, RandomWalls
from ..nets import (
    GRU,
    LRU,
    LSTM,
    S5,
    AbstractCore,
    ActorCritic,
    DesignEncoder,
    GridEncoder,
    MLPHead,
    NoMemory,
)
from ..runners import Experiment, Runner
from ._config import Config
from ._options import CoreName, EnvConfig, LevelReplayConfig, LevelsConfig, NetworkConfig

SCORES = {
    "max-mc": scores.MaxMC,
    "l1-value-loss": scores.L1ValueLoss,
    "positive-value-loss": scores.PositiveValueLoss,
    "value-disagreement": scores.ValueDisagreement,
    "learnability": scores.Learnability,
    "mean-return": scores.MeanReturn,
    "negative-return": scores.NegativeReturn,
    "relative-regret": scores.RelativeRegret,
    "mean-relative-regret": scores.MeanRelativeRegret,
    "population-regret": scores.PopulationRegret,
}
ADMISSIONS = {"least-likely": BeatTheLeastLikely, "lowest-score": BeatTheLowestScore}


def matmul_precision(config: Config) -> contextlib.AbstractContextManager[Any]:
    """While this lasts, programs are traced with the configuration's precision."""
    if config.matmul_precision == "default":
        return contextlib.nullcontext()
    return jax.default_matmul_precision(config.matmul_precision)


def make_env(config: EnvConfig) -> Maze:
    """The student's environment."""
    return Maze(
        height=config.height,
        width=config.width,
        view_size=config.view_size,
        max_episode_steps=config.max_episode_steps,
        see_agent=config.see_agent,
        see_through_walls=config.see_through_walls,
        include_position=config.include_position,
    )


def make_generator(config: LevelsConfig) -> AbstractLevelGenerator:
    """Levels that are drawn without a teacher; with one, what only evaluation plays."""
    if config.generator == "perfect":
        return PerfectMaze()
    return RandomWalls(
        num_walls=config.num_walls,
        replace=config.replace,
        sample_num_walls=config.sample_num_walls,
    )


def make_core(name: CoreName, hidden_size: int, config: NetworkConfig) -> AbstractCore:
    """The memory of that name; layers and blocks are those of `config`."""
    if name == "lstm":
        return LSTM(hidden_size)
    if name == "gru":
        return GRU(hidden_size)
    if name == "s5":
        return S5(
            hidden_size,
            num_blocks=config.num_blocks,
            num_layers=config.num_core_layers,
            norm=config.layer_norm,
        )
    if name == "lru":
        return LRU(hidden_size, num_layers=config.num_core_layers)
    return NoMemory()


def make_student(config: Config) -> PPO:
    """The student's learner."""
    ppo, network, env = config.ppo, config.network, config.env
    scale = max(env.height, env.width) if env.include_position else None
    return PPO(
        network=ActorCritic(
            encoder=GridEncoder(network.num_filters, network.embedding_size, scale),
            core=make_core(network.core, network.hidden_size, network),
            head=MLPHead(network.head_size, network.num_head_layers),
            num_value_heads=network.num_value_heads,
        ),
        optimiser=Adam(
            ppo.learning_rate,
            final_learning_rate=ppo.final_learning_rate,
            anneal_steps=ppo.anneal_steps,
            max_grad_norm=ppo.max_grad_norm,
            adam_epsilon=ppo.adam_epsilon,
        ),
        discount=ppo.discount,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip_range,
        value_loss=ClippedValueLoss() if ppo.clip_value_loss else HuberValueLoss(),
        value_loss_coef=ppo.value_loss_coef,
        entropy_coef=ppo.entropy_coef,
        num_epochs=ppo.num_epochs,
        num_minibatches=ppo.num_minibatches,
        num_accumulation_steps=ppo.num_accumulation_steps,
        bootstrap_truncated=ppo.bootstrap_truncated,
    )


def make_learned_generator(config: Config) -> LearnedGenerator:
    """A teacher that designs levels."""
    teacher = config.teacher
    design = MazeDesign(
        num_walls=teacher.teacher_num_walls,
        wall_budget=teacher.wall_budget,
        replace_collisions=teacher.replace_collisions,
        choose_direction=teacher.choose_direction,
        noise_dim=teacher.noise_dim,
    )
    learner = PPO(
        network=ActorCritic(
            encoder=DesignEncoder(teacher.teacher_num_filters, teacher.time_embedding_size),
            core=make_core(teacher.teacher_core, teacher.teacher_hidden_size, config.network),
            head=MLPHead(teacher.teacher_head_size, teacher.teacher_num_head_layers),
        ),
        optimiser=Adam(
            teacher.teacher_learning_rate,
            anneal_steps=teacher.teacher_anneal_steps,
            max_grad_norm=teacher.teacher_max_grad_norm,
            adam_epsilon=config.ppo.adam_epsilon,
        ),
        discount=teacher.teacher_discount,
        gae_lambda=teacher.teacher_gae_lambda,
        clip_range=teacher.teacher_clip_range,
        value_loss=ClippedValueLoss() if teacher.teacher_clip_value_loss else HuberValueLoss(),
        value_loss_coef=teacher.teacher_value_loss_coef,
        entropy_coef=teacher.teacher_entropy_coef,
        num_epochs=teacher.teacher_num_epochs,
        num_minibatches=teacher.teacher_num_minibatches,
    )
    return LearnedGenerator(design, learner)


def make_curriculum(config: Config) -> AbstractCurriculum:
    """Who chooses the levels."""
    num_levels = config.curriculum.num_levels
    if config.curriculum.method == "level-replay":
        return make_level_replay(config)
    if config.curriculum.method == "adversarial":
        return AdversarialDesign(
            make_learned_generator(config),
            objective=SCORES[config.teacher.objective](),
            num_levels=num_levels,
        )
    generator = make_generator(config.levels)
    if config.curriculum.method == "sfl":
        search = config.search
        return SamplingForLearnability(
            generator,
            num_levels=num_levels,
            num_candidates=search.num_candidates,
            num_plays=search.num_plays,
            capacity=search.num_kept,
            replay_share=search.kept_share,
            num_training_cycles=search.num_training_cycles,
        )
    return DomainRandomisation(
        generator, num_levels=num_levels, num_spare_levels=config.curriculum.num_spare_levels
    )


def make_level_replay(config: Config) -> LevelReplay:
    """Level replay, whose new levels a teacher may design."""
    replay = config.replay
    is_designed = config.levels.generator == "teacher"
    parents = {
        "batch": WholeBatch(),
        "easiest": Easiest(replay.num_parents),
        "hardest": Hardest(replay.num_parents),
    }
    return LevelReplay(
        make_learned_generator(config) if is_designed else make_generator(config.levels),
        score=SCORES[replay.score](),
        num_levels=config.curriculum.num_levels,
        capacity=replay.buffer_capacity,
        schedule=SideBySide() if replay.parallel else Sequential(replay.replay_prob),
        prioritisation=make_prioritisation(replay),
        staleness_coef=replay.staleness_coef,
        min_fill_ratio=replay.min_fill_ratio,
        admission=ADMISSIONS[replay.admission](),
        mutator=MazeEdits(replay.num_edits) if replay.num_edits > 0 else None,
        parents=parents[replay.parents],
        learn_from=Replayed() if replay.robust else NewAndReplayed(),
    )


def make_prioritisation(config: LevelReplayConfig) -> AbstractPrioritisation:
    """How the scores of stored levels become chances."""
    if config.prioritisation == "top-k":
        return TopK(config.top_k)
    if config.prioritisation == "proportional":
        return Proportional(config.temperature)
    return Rank(config.temperature)


def make_experiment(config: Config) -> Experiment:
    """The composition that a configuration describes."""
    return Experiment(
        make_env(config.env),
        make_student(config),
        make_curriculum(config),
        num_students=config.curriculum.num_students,
        num_steps=config.curriculum.num_steps,
        num_trials=config.curriculum.num_trials,
        track_level_metrics=config.curriculum.track_level_metrics,
    )


def make_runner(config: Config) -> Runner:
    """The whole training state at its start; the same for the same configuration.

    Raises `ValueError` (or its subclass `ConfigError`), naming the option, for a configuration
    that cannot be run.
    """
    return trace_runner(config)()


def trace_runner(config: Config) -> RunOnce[Runner]:
    """The program that makes the runner, one for all of it: op by op, initialisation takes longer
    than training's first update. Its `spec` is the runner without its arrays.

    Raises what `make_runner` raises; nothing is compiled before it is called.
    """
    config.check()
    experiment = make_experiment(config)

    def create(key):
        return Runner.create(experiment, key=key)

    return RunOnce(create, jax.random.key(config.seed))
