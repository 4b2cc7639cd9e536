"""From a configuration to the modules it describes."""

import contextlib
from typing import Any

import jax
from jaxtyping import Array, Key

from .. import scores
from .._xla._compile import RunOnce
from ..agents import PPO, AbstractAgent, population, ppo_optimiser
from ..curricula import (
    AbstractCurriculum,
    AbstractPrioritisation,
    AdversarialDesign,
    BeatTheLeastLikely,
    BeatTheLowestScore,
    DomainRandomisation,
    LearnedGenerator,
    LevelReplay,
    Proportional,
    Rank,
    SamplingForLearnability,
    TopK,
)
from ..envs import AbstractLevelGenerator, Maze, MazeEditor
from ..envs.maze import PerfectMaze, RandomWalls, maze_edits
from ..nets import (
    GRU,
    LRU,
    LSTM,
    S5,
    AbstractRecurrentCore,
    ActorCritic,
    DesignEncoder,
    Feedforward,
    GridEncoder,
)
from ..runners import Runner
from ._config import Config
from ._options import (
    CoreName,
    EnvConfig,
    LevelReplayConfig,
    LevelsConfig,
    NetworkConfig,
    TeacherConfig,
)

SCORES = {
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


def make_editor(config: TeacherConfig, env: Maze) -> MazeEditor:
    """The teacher's world, for mazes of the environment's size."""
    return MazeEditor(
        height=env.height,
        width=env.width,
        num_walls=config.teacher_num_walls,
        wall_budget=config.wall_budget,
        replace_collisions=config.replace_collisions,
        choose_direction=config.choose_direction,
        noise_dim=config.noise_dim,
    )


def make_generator(config: LevelsConfig, env: Maze) -> AbstractLevelGenerator:
    """Levels of the environment's size that are drawn without a teacher.

    With a teacher these are random walls, which nothing but evaluation plays.
    """
    if config.generator == "perfect":
        return PerfectMaze(height=env.height, width=env.width)
    return RandomWalls(
        height=env.height,
        width=env.width,
        num_walls=config.num_walls,
        replace=config.replace,
        sample_num_walls=config.sample_num_walls,
    )


def make_network(config: NetworkConfig, env: Maze, *, key: Key[Array, ""]) -> ActorCritic:
    """The student's network, initialised."""
    encoder_key, core_key, head_key = jax.random.split(key, 3)
    encoder = GridEncoder.create(
        env.observation_spec(),
        num_filters=config.num_filters,
        embedding_size=config.embedding_size,
        position_scale=max(env.height, env.width) if env.include_position else None,
        key=encoder_key,
    )
    core = make_core(config.core, encoder.output_size, config.hidden_size, config, key=core_key)
    return ActorCritic.create(
        encoder,
        core,
        env.num_actions,
        head_size=config.head_size,
        num_head_layers=config.num_head_layers,
        num_value_heads=config.num_value_heads,
        key=head_key,
    )


def make_core(
    name: CoreName, input_size: int, hidden_size: int, config: NetworkConfig, *, key: Key[Array, ""]
) -> AbstractRecurrentCore:
    """The memory of that name, initialised; layers and blocks are those of `config`."""
    if name == "lstm":
        return LSTM.create(input_size, hidden_size, key=key)
    if name == "gru":
        return GRU.create(input_size, hidden_size, key=key)
    if name == "s5":
        return S5.create(
            input_size,
            hidden_size,
            num_blocks=config.num_blocks,
            num_layers=config.num_core_layers,
            norm=config.layer_norm,
            key=key,
        )
    if name == "lru":
        return LRU.create(input_size, hidden_size, num_layers=config.num_core_layers, key=key)
    return Feedforward(input_size)


def make_teacher(config: Config, editor: MazeEditor, *, key: Key[Array, ""]) -> AbstractAgent:
    """The teacher that acts in the editor, initialised."""
    teacher = config.teacher
    encoder_key, core_key, head_key = jax.random.split(key, 3)
    encoder = DesignEncoder.create(
        editor.observation_spec(),
        num_steps=editor.max_episode_steps,
        num_filters=teacher.teacher_num_filters,
        embedding_size=teacher.time_embedding_size,
        key=encoder_key,
    )
    core = make_core(
        teacher.teacher_core,
        encoder.output_size,
        teacher.teacher_hidden_size,
        config.network,
        key=core_key,
    )
    network = ActorCritic.create(
        encoder,
        core,
        editor.num_actions,
        head_size=teacher.teacher_head_size,
        num_head_layers=teacher.teacher_num_head_layers,
        key=head_key,
    )
    return PPO.create(
        network,
        ppo_optimiser(
            teacher.teacher_learning_rate,
            anneal_steps=teacher.teacher_anneal_steps,
            max_grad_norm=teacher.teacher_max_grad_norm,
            adam_epsilon=config.ppo.adam_epsilon,
        ),
        discount=teacher.teacher_discount,
        gae_lambda=teacher.teacher_gae_lambda,
        clip_range=teacher.teacher_clip_range,
        value_loss_coef=teacher.teacher_value_loss_coef,
        entropy_coef=teacher.teacher_entropy_coef,
        num_epochs=teacher.teacher_num_epochs,
        num_minibatches=teacher.teacher_num_minibatches,
        clip_value_loss=teacher.teacher_clip_value_loss,
    )


def make_learned_generator(config: Config, env: Maze, *, key: Key[Array, ""]) -> LearnedGenerator:
    """A teacher that designs levels of the environment's size."""
    editor = make_editor(config.teacher, env)
    return LearnedGenerator(editor, make_teacher(config, editor, key=key))


def make_students(config: Config, env: Maze, *, key: Key[Array, ""]) -> AbstractAgent:
    """The population, initialised, with a leading axis `student`."""
    ppo = config.ppo
    optimiser = ppo_optimiser(
        ppo.learning_rate,
        final_learning_rate=ppo.final_learning_rate,
        anneal_steps=ppo.anneal_steps,
        max_grad_norm=ppo.max_grad_norm,
        adam_epsilon=ppo.adam_epsilon,
    )

    def student(key):
        return PPO.create(
            make_network(config.network, env, key=key),
            optimiser,
            discount=ppo.discount,
            gae_lambda=ppo.gae_lambda,
            clip_range=ppo.clip_range,
            value_loss_coef=ppo.value_loss_coef,
            entropy_coef=ppo.entropy_coef,
            num_epochs=ppo.num_epochs,
            num_minibatches=ppo.num_minibatches,
            num_accumulation_steps=ppo.num_accumulation_steps,
            clip_value_loss=ppo.clip_value_loss,
            bootstrap_truncated=ppo.bootstrap_truncated,
        )

    return population(student, config.curriculum.num_students, key=key)


def make_curriculum(config: Config, env: Maze, *, key: Key[Array, ""]) -> AbstractCurriculum:
    """The curriculum, which has learned nothing yet."""
    if config.curriculum.method == "level-replay":
        if config.levels.generator == "teacher":
            return make_level_replay(config, make_learned_generator(config, env, key=key))
        return make_level_replay(config, make_generator(config.levels, env))
    if config.curriculum.method == "adversarial":
        return AdversarialDesign(
            generator=make_learned_generator(config, env, key=key),
            objective=SCORES[config.teacher.objective](),
            num_levels=config.curriculum.num_levels,
        )
    generator = make_generator(config.levels, env)
    if config.curriculum.method == "sfl":
        search = config.search
        return SamplingForLearnability.create(
            generator,
            num_levels=config.curriculum.num_levels,
            num_candidates=search.num_candidates,
            num_plays=search.num_plays,
            capacity=search.num_kept,
            replay_share=search.kept_share,
            num_training_cycles=search.num_training_cycles,
        )
    return DomainRandomisation(
        generator=generator,
        num_levels=config.curriculum.num_levels,
        num_spare_levels=config.curriculum.num_spare_levels,
    )


def make_level_replay(
    config: Config, generator: AbstractLevelGenerator | LearnedGenerator
) -> LevelReplay:
    """Level replay with an empty buffer."""
    replay = config.replay
    return LevelReplay.create(
        generator,
        make_score(config),
        mutator=maze_edits(replay.num_edits) if replay.num_edits > 0 else None,
        batch_size=config.curriculum.num_levels,
        capacity=replay.buffer_capacity,
        prioritisation=make_prioritisation(replay),
        staleness_coef=replay.staleness_coef,
        admission=ADMISSIONS[replay.admission](),
        replay_prob=replay.replay_prob,
        min_fill_ratio=replay.min_fill_ratio,
        robust=replay.robust,
        parallel=replay.parallel,
        parents=replay.parents,
        num_parents=replay.num_parents,
    )


def make_score(config: Config) -> scores.AbstractScore:
    """What makes a level worth replaying."""
    if config.replay.score == "max-mc":
        return scores.MaxMC(config.curriculum.num_students)
    return SCORES[config.replay.score]()


def make_prioritisation(config: LevelReplayConfig) -> AbstractPrioritisation:
    """How the scores of stored levels become chances."""
    if config.prioritisation == "top-k":
        return TopK(config.top_k)
    if config.prioritisation == "proportional":
        return Proportional(config.temperature)
    return Rank(config.temperature)


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
    env = make_env(config.env)

    def create(key):
        student_key, curriculum_key, run_key = jax.random.split(key, 3)
        return Runner.create(
            env,
            make_students(config, env, key=student_key),
            make_curriculum(config, env, key=curriculum_key),
            num_steps=config.curriculum.num_steps,
            num_trials=config.curriculum.num_trials,
            track_level_metrics=config.curriculum.track_level_metrics,
            key=run_key,
        )

    return RunOnce(create, jax.random.key(config.seed))
