"""Teachers that design levels: what they are paid, what they learn, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner, run
from minimax_eqx.agents import PPO, Adam
from minimax_eqx.curricula import AdversarialDesign, LearnedGenerator, LevelReplay
from minimax_eqx.envs.maze import MazeDesign, MemoryMaze
from minimax_eqx.envs.maze._maze import Maze
from minimax_eqx.nets import ActorCritic, DesignEncoder, MLPHead
from minimax_eqx.scores import (
    MaxMC,
    MeanRelativeRegret,
    NegativeReturn,
    PopulationRegret,
    RelativeRegret,
)

from ..numbered_levels import going
from ..small import ENV, make_learner

NETWORK = ActorCritic(DesignEncoder(num_filters=4, embedding_size=4), head=MLPHead(16))
TEACHER = PPO(NETWORK, Adam(1e-2), discount=1.0)
LEARNED = LearnedGenerator(MazeDesign(num_walls=4, noise_dim=2), TEACHER)


def two_students(curriculum, key):
    experiment = Experiment(ENV, make_learner(), curriculum, num_students=2, num_steps=16)
    return Runner.create(experiment, key=key)


def test_designed_levels_are_valid_and_take_one_episode_each(getkey):
    state = LEARNED.init(ENV.level_spec(), key=getkey())
    draw = eqx.filter_jit(lambda state, key: LEARNED.draw(state, 8, key=key))
    levels, trajectory = draw(state, getkey())
    for index in range(8):
        jax.tree.map(lambda x, i=index: x[i], levels).check()
    assert trajectory.rewards.shape[1] == 8
    np.testing.assert_array_equal(trajectory.terminated[-1], True)
    assert not bool(trajectory.terminated[:-1].any())
    assert not bool(trajectory.rewards.any())


def test_a_teacher_learns_what_it_is_paid_for(getkey):
    """Paid for goals in the left column, it puts them there."""
    generator = LearnedGenerator(MazeDesign(num_walls=1, noise_dim=0), TEACHER)
    state = generator.init(Maze(height=4, width=4).level_spec(), key=getkey())

    def cycle(state, key):
        draw_key, learn_key = jax.random.split(key)
        levels, memory = generator.draw(state, 32, key=draw_key)
        payoffs = (levels.goal_pos[:, 0] == 0).astype(jnp.float32)
        return generator.learn(state, memory, payoffs, key=learn_key)

    step = eqx.filter_jit(cycle)
    paid = []
    for key in jax.random.split(getkey(), 60):
        state, metrics = step(state, key)
        paid.append(float(metrics["teacher_payoff"]))
    assert np.mean(paid[:3]) < 0.5
    assert np.mean(paid[-5:]) > 0.85


@pytest.mark.parametrize(
    ("objective", "num_students", "fits"),
    [
        (RelativeRegret(), 2, True),
        (MeanRelativeRegret(), 2, True),
        (PopulationRegret(), 3, True),
        (NegativeReturn(), 1, True),
        (RelativeRegret(), 1, False),
        (MeanRelativeRegret(), 3, False),
        (PopulationRegret(), 1, False),
    ],
)
def test_the_objective_decides_how_many_students_there_can_be(objective, num_students, fits):
    curriculum = AdversarialDesign(LEARNED, objective, num_levels=4)
    if fits:
        going(curriculum, num_students, level=ENV.level_spec())
    else:
        with pytest.raises(ValueError, match=f"{type(objective).__name__}.*{num_students}"):
            going(curriculum, num_students, level=ENV.level_spec())


@pytest.mark.slow
def test_paired_trains_teacher_and_students_in_every_cycle(getkey):
    curriculum = AdversarialDesign(LEARNED, RelativeRegret(), num_levels=4)
    runner = two_students(curriculum, getkey())
    before = jax.tree.map(
        np.asarray, eqx.filter(runner.curriculum_state.source, eqx.is_inexact_array)
    )
    runner, metrics = run(runner, 2)
    assert np.asarray(runner.students.num_updates).tolist() == [2, 2]
    assert int(runner.curriculum_state.source.teacher.num_updates) == 2
    after = eqx.filter(runner.curriculum_state.source, eqx.is_inexact_array)
    assert not eqx.tree_equal(before, jax.tree.map(np.asarray, after))
    regret = np.asarray(metrics["teacher_payoff"])
    assert (regret >= 0).all()
    for name in ("student0_return", "student1_return", "teacher_entropy", "num_walls"):
        assert np.isfinite(metrics[name]).all(), name


def test_no_levels_are_refused():
    with pytest.raises(ValueError, match="num_levels is 0"):
        AdversarialDesign(LEARNED, NegativeReturn(), num_levels=0)


def test_an_objective_that_keeps_records_is_refused():
    with pytest.raises(ValueError, match="the score MaxMC keeps a record of every level"):
        going(AdversarialDesign(LEARNED, MaxMC()), level=ENV.level_spec())


def test_a_design_of_other_levels_is_refused():
    with pytest.raises(ValueError, match=r"MazeDesign .*MemoryLevel"):
        LEARNED.init(MemoryMaze().level_spec(), key=jax.random.key(0))


@pytest.mark.slow
def test_the_teacher_of_repaired_learns_from_new_levels_only(getkey):
    curriculum = LevelReplay(LEARNED, RelativeRegret(), num_levels=4, capacity=8)
    runner = two_students(curriculum, getkey())
    step = eqx.filter_jit(lambda runner: runner.step())
    seen = set()
    for _ in range(10):
        teacher = runner.curriculum_state.source.teacher
        runner, metrics = step(runner)
        replayed = float(metrics["replay_ratio"]) == 1
        same = bool(eqx.tree_equal(teacher, runner.curriculum_state.source.teacher))
        assert same == replayed == bool(np.isnan(metrics["teacher_loss"]))
        assert (float(metrics["updated"]) == 1) == replayed
        seen.add(replayed)
    assert seen == {True, False}
