"""Experiments in which nothing would be learned are refused when they are composed."""

import pytest

from minimax_eqx import Experiment
from minimax_eqx.agents import Adam, OverRun, OverSteps
from minimax_eqx.curricula import (
    AdversarialDesign,
    DomainRandomisation,
    LearnedGenerator,
    LevelReplay,
)
from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs.maze import MazeDesign, RandomWalls
from minimax_eqx.runners import Schedule
from minimax_eqx.scores import NegativeReturn

from ..small import ENV, GENERATOR, make_learner, sample_levels

DR = DomainRandomisation(GENERATOR, num_levels=2)


def experiment(student=None, curriculum=None, num_updates=100, **options):
    return Experiment(
        ENV,
        student or make_learner(),
        curriculum or LevelReplay(GENERATOR, num_levels=2, capacity=4),
        schedule=Schedule(num_updates=num_updates),
        **options,
    )


def learner(**options):
    """With two gradient steps in each update."""
    return make_learner(optimiser=Adam(**options))


def test_a_rate_that_anneals_to_0_too_early_is_refused_with_what_would_do():
    experiment(learner(annealing=OverSteps(200)))
    experiment(learner(annealing=OverSteps(100), final_learning_rate=1e-5))
    with pytest.raises(ValueError, match=r"0 after 50 of the 100 updates.*anneal_steps to 200.*50"):
        experiment(learner(annealing=OverSteps(99)))
    experiment(learner(annealing=OverRun()))
    # With a budget it anneals over the time.
    schedule = Schedule(num_updates=100, budget="1h")
    Experiment(ENV, learner(annealing=OverSteps(99)), DR, schedule=schedule)
    with pytest.raises(ValueError, match="learning rate is 0"):
        Experiment(ENV, learner(learning_rate=0.0), DR, schedule=schedule)


def test_a_rate_of_0_is_refused_unless_it_anneals_to_another():
    experiment(learner(learning_rate=0.0, final_learning_rate=0.1, annealing=OverSteps(10)))
    with pytest.raises(ValueError, match="student's learning rate is 0, so it would never learn"):
        experiment(learner(learning_rate=0.0))


def test_a_teacher_that_stops_learning_is_refused():
    """It learns once in a cycle, however often the students do."""
    generator = LearnedGenerator(MazeDesign(num_walls=3), learner(annealing=OverSteps(20)))
    curriculum = AdversarialDesign(generator, NegativeReturn())
    with pytest.raises(ValueError, match="teacher's learning rate is 0 after 10 of the 100"):
        experiment(curriculum=curriculum)
    with pytest.raises(ValueError, match=r"after 40 of the 100 .*anneal_steps to 50.*to 40\."):
        experiment(curriculum=curriculum, rollouts_per_play=4)
    experiment(curriculum=curriculum, rollouts_per_play=10)


def test_a_log_interval_with_more_updates_than_the_run_is_refused():
    with pytest.raises(ValueError, match="10 cycles of rollouts_per_play=11 updates"):
        experiment(rollouts_per_play=11)


def fixed(key):
    return FixedLevels(sample_levels(key, 5))


@pytest.mark.parametrize(
    ("make_generator", "there"),
    [
        (lambda key: RandomWalls(num_walls=28, replace=False), 435 * 2 * 4),
        (lambda key: RandomWalls(num_walls=0), 30 * 29 * 4),
        (fixed, 5),
    ],
)
def test_level_replay_does_not_wait_for_more_levels_than_there_are(make_generator, there, getkey):
    generator = make_generator(getkey())
    assert generator.count_levels(ENV.level_spec()) == there
    capacity = 2 * there
    replay = LevelReplay(generator, num_levels=2, capacity=capacity, min_fill_ratio=0.5)
    experiment(curriculum=replay)
    with pytest.raises(ValueError, match=f"makes {there} different levels.* takes {there + 1};"):
        experiment(
            curriculum=LevelReplay(
                generator, num_levels=2, capacity=capacity, min_fill_ratio=(there + 1) / capacity
            )
        )
