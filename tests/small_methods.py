"""Every kind of method at the sizes of tests, each compiled in seconds."""

import dataclasses

import equinox as eqx
import jax

from minimax_eqx import Experiment, Runner
from minimax_eqx.agents import PPO, BehaviouralCloning
from minimax_eqx.curricula import (
    ADR,
    NCC,
    AdversarialDesign,
    DomainRandomisation,
    FixedTasks,
    FromLastSearch,
    LearnedGenerator,
    LevelReplay,
    NewAndReplayed,
    SamplingForLearnability,
    Sequential,
    SideBySide,
)
from minimax_eqx.curricula._alp_gmm import AlpGmm
from minimax_eqx.curricula._boltzmann import Boltzmann
from minimax_eqx.curricula._both_scores import BothScores
from minimax_eqx.curricula._co_learnability import CoLearnability
from minimax_eqx.curricula._doraemon import Doraemon
from minimax_eqx.curricula._generator_mixture import GeneratorMixture
from minimax_eqx.curricula._prefilter import Prefilter
from minimax_eqx.curricula._prioritisation import Proportional
from minimax_eqx.curricula._remidi import ReMiDi
from minimax_eqx.curricula._self_paced import SelfPaced
from minimax_eqx.curricula._sigmoid_of_z_score import SigmoidOfZScore
from minimax_eqx.envs import Maze
from minimax_eqx.envs._few_levels import FewLevels
from minimax_eqx.envs.boxes import CartPole
from minimax_eqx.envs.maze import MazeDesign, MazeEdits, RandomWalls
from minimax_eqx.nets import (
    LSTM,
    S5,
    ActorCritic,
    DesignEncoder,
    FlatEncoder,
    GridEncoder,
    MLPHead,
    Normalised,
)
from minimax_eqx.scores import (
    MNA,
    PACE,
    TRACED,
    ExactRegret,
    NegativeReturn,
    PopulationRegret,
    RelativeRegret,
)
from minimax_eqx.scores._bidirectional_progress import BidirectionalProgress
from minimax_eqx.scores._cenie import CENIE
from minimax_eqx.scores._kept_learnability import KeptLearnability
from minimax_eqx.scores._learning_progress import LearningProgress
from minimax_eqx.scores._learning_slope import LearningSlope
from minimax_eqx.scores._return_spread import ReturnVariance
from minimax_eqx.scores._returns import MeanReturn

# Every episode ends within a cycle, so that every level gets a score.
ENV = Maze(height=5, width=6, max_episode_steps=6)
NUM_STEPS = 8
WALLS = RandomWalls(num_walls=6)


def student(core, encoder):
    return PPO(ActorCritic(encoder, core, MLPHead(8)), num_epochs=2)


def designer(core):
    """A teacher that designs mazes."""
    network = ActorCritic(DesignEncoder(4, 4), core, MLPHead(8))
    return LearnedGenerator(MazeDesign(num_walls=4, noise_dim=2), PPO(network, num_epochs=2))


def replay(generator=WALLS, replay_prob=0.5, **parts):
    schedule = Sequential(replay_prob)
    return lambda core, sizes: LevelReplay(
        generator(core) if callable(generator) else generator,
        **{"schedule": schedule, "capacity": 6, **sizes, **parts},
    )


def adversarial(objective):
    return lambda core, sizes: AdversarialDesign(designer(core), objective, **sizes)


def by_return(source):
    return lambda core, sizes: AdversarialDesign(source, MeanReturn(), **sizes)


EDITS = {"mutator": MazeEdits(num_edits=2), "staleness_coef": 0.5}
SMALL_WINDOW = CENIE(num_components=2, window=8, num_new_pairs=4, num_features=4)
SMALL_MODEL = TRACED(model_filters=2, model_size=4)
EMPTY = RandomWalls(num_walls=0)
# What makes the curriculum, of a core and the number of levels; and how many students it has.
METHODS = {
    "dr": (lambda core, sizes: DomainRandomisation(WALLS, num_spare_levels=3, **sizes), 1),
    "plr": (replay(learn_from=NewAndReplayed()), 1),
    "robust-plr": (replay(), 1),
    "pace": (replay(score=PACE()), 1),
    "accel": (replay(EMPTY, 0.8, **EDITS), 1),
    "cenie": (replay(score=SMALL_WINDOW, prioritisation=BothScores()), 1),
    "traced": (replay(score=SMALL_MODEL, prioritisation=CoLearnability()), 1),
    "parallel-plr": (replay(schedule=SideBySide()), 1),
    "parallel-accel": (replay(EMPTY, schedule=SideBySide(), **EDITS), 1),
    "paired": (adversarial(RelativeRegret()), 2),
    "paired-cloning": (adversarial(RelativeRegret()), 2),
    "population-paired": (adversarial(PopulationRegret()), 4),
    "minimax": (adversarial(NegativeReturn()), 1),
    "repaired": (replay(designer, score=RelativeRegret()), 2),
    "sfl": (
        lambda core, sizes: SamplingForLearnability(
            WALLS, num_candidates=4, num_plays=2, capacity=3, num_training_cycles=4, **sizes
        ),
        1,
    ),
    "prefilter": (
        lambda core, sizes: SamplingForLearnability(
            Prefilter(WALLS, 2, num_networks=2, window=8, num_gradient_steps=1, batch_size=4),
            **{"num_candidates": 4, "num_plays": 2, "capacity": 3, "num_training_cycles": 2},
            **sizes,
        ),
        1,
    ),
    "sfl-mutants": (
        lambda core, sizes: SamplingForLearnability(
            WALLS,
            ExactRegret(),
            **{"num_candidates": 4, "num_plays": 2, "capacity": 2, "num_training_cycles": 2},
            **sizes,
            candidates=FromLastSearch(MazeEdits(num_edits=2)),
            prioritisation=Boltzmann(0.5),
        ),
        1,
    ),
    "ncc": (
        lambda core, sizes: NCC(
            WALLS,
            ExactRegret(),
            **{"num_plays": 2, "capacity": 3, "num_new_levels": 1, "num_training_cycles": 2},
            **sizes,
        ),
        1,
    ),
    "fixed-tasks": (
        lambda core, sizes: FixedTasks(FewLevels(WALLS, 5), test_share=0.3, **sizes),
        1,
    ),
    "mixture": (
        lambda core, sizes: GeneratorMixture((WALLS, EMPTY), num_spare_levels=1, **sizes),
        1,
    ),
    "remidi": (
        lambda core, sizes: ReMiDi(
            replay(replay_prob=0.8, score=ExactRegret(), capacity=4, min_fill_ratio=0.3)(
                core, sizes
            ),
            num_buffers=2,
            updates_per_buffer=2,
        ),
        1,
    ),
    "mna": (replay(score=MNA()), 1),
    "boltzmann": (replay(prioritisation=Boltzmann(0.05), uniform_share=0.25), 1),
    "exact-regret": (replay(score=ExactRegret()), 1),
    "return-variance": (replay(score=ReturnVariance()), 1),
    "kept-learnability": (replay(score=KeptLearnability()), 1),
    "learning-progress": (replay(score=LearningProgress(), prioritisation=Proportional()), 1),
    "learning-slope": (replay(score=LearningSlope(window=3)), 1),
    "bidirectional-progress": (
        replay(score=BidirectionalProgress(), prioritisation=SigmoidOfZScore()),
        1,
    ),
    "adr": (by_return(ADR(num_episodes=1)), 1),
    "doraemon": (by_return(Doraemon(success_at=0.1, num_episodes=4)), 1),
    "self-paced": (by_return(SelfPaced(payoff_at=0.1, num_episodes=4)), 1),
    "alp-gmm": (by_return(AlpGmm(fit_every=20, max_components=2, num_iterations=2)), 1),
}
# Where methods play that choose numbers in a box.
BOXES = dict.fromkeys(("adr", "alp-gmm", "doraemon", "self-paced"), CartPole(max_episode_steps=6))
# What other students than usual are made of.
STUDENTS = {"paired-cloning": {"peer_loss": BehaviouralCloning(every=2)}}
CORES = {"lstm": LSTM(8), "s5": S5(8, num_blocks=2)}
NAMES = (*METHODS, "dr-s5")


def experiment_of(name, num_levels=2, core=None, **parts):
    """The method of that name; `parts` are other fields of its curriculum."""
    if core is None:
        core = CORES["s5" if name.endswith("-s5") else "lstm"]
    make, num_students = METHODS[name.removesuffix("-s5")]
    curriculum = dataclasses.replace(make(core, {"num_levels": num_levels}), **parts)
    encoder = Normalised(FlatEncoder(8)) if name in BOXES else GridEncoder(4)
    learner = dataclasses.replace(student(core, encoder), **STUDENTS.get(name, {}))
    return Experiment(BOXES.get(name, ENV), learner, curriculum, num_students, NUM_STEPS)


def runner_of(experiment, seed=1):
    """A runner, made by one program; a method may be given by its name."""
    experiment = experiment_of(experiment) if isinstance(experiment, str) else experiment
    return eqx.filter_jit(lambda key: Runner.create(experiment, key=key))(jax.random.key(seed))


def spec_of(experiment):
    """The shapes of such a runner, from a trace alone."""
    return eqx.filter_eval_shape(lambda: runner_of(experiment))
