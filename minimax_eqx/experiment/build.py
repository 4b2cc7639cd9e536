"""From a configuration to the modules it describes."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._compile import RUNS_ONCE, quick_jit
from ..agents import PPO, AbstractAgent, population, ppo_optimiser
from ..curricula import AbstractCurriculum, DomainRandomisation
from ..envs import AbstractLevelGenerator, Maze
from ..envs.maze import PerfectMaze, RandomWalls
from ..nets import LSTM, AbstractRecurrentCore, ActorCritic, Feedforward, GridEncoder
from ..runners import Runner
from .config import Config, EnvConfig, LevelsConfig, NetworkConfig


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


def make_generator(config: LevelsConfig, env: Maze) -> AbstractLevelGenerator:
    """The source of new levels, of the environment's size."""
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
    core: AbstractRecurrentCore
    if config.core == "lstm":
        core = LSTM.create(encoder.output_size, config.hidden_size, key=core_key)
    else:
        core = Feedforward(encoder.output_size)
    return ActorCritic.create(
        encoder,
        core,
        env.num_actions,
        head_size=config.head_size,
        num_head_layers=config.num_head_layers,
        key=head_key,
    )


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
            clip_value_loss=ppo.clip_value_loss,
            bootstrap_truncated=ppo.bootstrap_truncated,
        )

    return population(student, config.curriculum.num_students, key=key)


def make_curriculum(config: Config, env: Maze) -> AbstractCurriculum:
    """The curriculum, which has learned nothing yet."""
    return DomainRandomisation(
        generator=make_generator(config.levels, env),
        num_levels=config.curriculum.num_levels,
        num_spare_levels=config.curriculum.num_spare_levels,
    )


def make_runner(config: Config) -> Runner:
    """The whole training state at its start; the same for the same configuration.

    Raises `ValueError` (or its subclass `ConfigError`), naming the option, for a configuration
    that cannot be run.
    """
    config.check()
    env = make_env(config.env)

    def create(key):
        student_key, run_key = jax.random.split(key)
        return Runner.create(
            env,
            make_students(config, env, key=student_key),
            make_curriculum(config, env),
            num_steps=config.curriculum.num_steps,
            num_trials=config.curriculum.num_trials,
            track_level_metrics=config.curriculum.track_level_metrics,
            key=run_key,
        )

    # One compiled program: op by op, initialisation takes longer than training's first update.
    runner = quick_jit(create, cpu_optimisation=RUNS_ONCE)(jax.random.key(config.seed))
    return jax.tree.map(lambda x: jnp.array(x, copy=True) if eqx.is_array(x) else x, runner)
