"""Small parts for tests: a tiny maze, a tiny student, a runner that compiles fast."""

import equinox as eqx
import jax

from minimax_eqx.agents import PPO, Adam
from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.nets import LSTM, ActorCritic, GridEncoder, MLPHead, NoMemory

ENV = Maze(height=5, width=6, max_episode_steps=12)
GENERATOR = RandomWalls(num_walls=6, replace=False)
OPTIMISER = Adam(1e-3)
ENCODER = GridEncoder(num_filters=4)
CORES = {"lstm": LSTM(8), "feedforward": NoMemory()}
SIZES = ("num_students", "num_steps", "rollouts_per_play", "num_trials")
OF_EXPERIMENTS = (*SIZES, "track_level_metrics")


def make_learner(core="lstm", num_value_heads=1, encoder=ENCODER, **options):
    network = ActorCritic(encoder, CORES[core], MLPHead(8), num_value_heads)
    return PPO(network, **{"optimiser": OPTIMISER, "num_epochs": 2, **options})


def make_student(key, env=ENV, **options):
    learner = make_learner(**options)
    return learner.init(env.observation_spec(), env.action_spec(), key=key)


def sample_levels(key, *shape):
    """Levels of the tiny maze, with these leading axes."""
    sample = lambda key: GENERATOR.sample(ENV.level_spec(), key=key)  # noqa: E731
    for _ in shape:
        sample = jax.vmap(sample)
    return sample(jax.random.split(key, shape))


def make_experiment(*, env=ENV, curriculum=None, num_levels=4, num_spare_levels=3, **options):
    """Domain randomisation, or another curriculum; `options` are those of the experiment and of
    `make_learner`."""
    # Here, so that tests of students need neither curricula nor runners.
    from minimax_eqx import Experiment
    from minimax_eqx.curricula import DomainRandomisation

    own = {name: options.pop(name) for name in OF_EXPERIMENTS if name in options}
    if curriculum is None:
        curriculum = DomainRandomisation(GENERATOR, num_levels, num_spare_levels)
    return Experiment(env, make_learner(**options), curriculum, **{"num_steps": 16, **own})


def make_runner(key, *, mesh=None, **options):
    runner = _create(make_experiment(**options), key)
    return runner if mesh is None else runner.on(mesh)


@eqx.filter_jit
def _create(experiment, key):
    """By one program: operation by operation it takes three times as long."""
    from minimax_eqx import Runner

    return Runner.create(experiment, key=key)
