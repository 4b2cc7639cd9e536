"""Teachers that design levels: what they are paid, what they learn, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import PPO, ppo_optimiser
from minimax_eqx.curricula import AdversarialDesign, LearnedGenerator, LevelReplay, Sampled
from minimax_eqx.envs import MazeEditor
from minimax_eqx.nets import ActorCritic, DesignEncoder, Feedforward
from minimax_eqx.runners import run
from minimax_eqx.scores import (
    MaxMC,
    MeanRelativeRegret,
    NegativeReturn,
    PopulationRegret,
    RelativeRegret,
)

from ..small import ENV, GENERATOR, make_runner

EDITOR = MazeEditor(ENV.height, ENV.width, num_walls=4, noise_dim=2)


def make_teacher(key, editor=EDITOR, learning_rate=1e-2, **options):
    encoder_key, head_key = jax.random.split(key)
    encoder = DesignEncoder.create(
        editor.observation_spec(),
        num_steps=editor.max_episode_steps,
        num_filters=4,
        embedding_size=4,
        key=encoder_key,
    )
    core = Feedforward(encoder.output_size)
    network = ActorCritic.create(encoder, core, editor.num_actions, head_size=16, key=head_key)
    return PPO.create(network, ppo_optimiser(learning_rate), discount=1.0, **options)


def learned(key, editor=EDITOR):
    return LearnedGenerator(editor, make_teacher(key, editor))


def test_designed_levels_are_valid_and_take_one_episode_each(getkey):
    levels, trajectory = eqx.filter_jit(lambda g, key: g.draw(8, key=key))(
        learned(getkey()), getkey()
    )
    for index in range(8):
        jax.tree.map(lambda x, i=index: x[i], levels).check()
    assert trajectory.rewards.shape == (EDITOR.max_episode_steps, 8)
    np.testing.assert_array_equal(trajectory.terminated[-1], True)
    assert not bool(trajectory.terminated[:-1].any())
    assert not bool(trajectory.rewards.any())


def test_a_teacher_learns_what_it_is_paid_for(getkey):
    """Paid for goals in the left column, it puts them there."""
    editor = MazeEditor(4, 4, num_walls=1, noise_dim=0)
    generator = learned(getkey(), editor)

    def cycle(generator, key):
        draw_key, learn_key = jax.random.split(key)
        levels, memory = generator.draw(32, key=draw_key)
        payoffs = (levels.goal_pos[:, 0] == 0).astype(jnp.float32)
        return generator.learn(memory, payoffs, key=learn_key)

    step = eqx.filter_jit(cycle)
    paid = []
    for key in jax.random.split(getkey(), 60):
        generator, metrics = step(generator, key)
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
def test_the_objective_decides_how_many_students_there_can_be(
    getkey, objective, num_students, fits
):
    curriculum = AdversarialDesign(learned(getkey()), objective, num_levels=4)
    if fits:
        curriculum.check(num_students, 1, 1)
    else:
        with pytest.raises(ValueError, match=f"{type(objective).__name__}.*{num_students}"):
            curriculum.check(num_students, 1, 1)


def test_paired_trains_teacher_and_students_in_every_cycle(getkey):
    curriculum = AdversarialDesign(learned(getkey()), RelativeRegret(), num_levels=4)
    runner = make_runner(getkey(), curriculum=curriculum, num_students=2)
    before = jax.tree.map(np.asarray, eqx.filter(runner.curriculum.generator, eqx.is_inexact_array))
    runner, metrics = run(runner, 2)
    assert np.asarray(runner.students.num_updates).tolist() == [2, 2]
    assert int(runner.curriculum.generator.teacher.num_updates) == 2
    after = eqx.filter(runner.curriculum.generator, eqx.is_inexact_array)
    assert not eqx.tree_equal(before, jax.tree.map(np.asarray, after))
    regret = np.asarray(metrics["teacher_payoff"])
    assert (regret >= 0).all()
    for name in ("student0_return", "student1_return", "teacher_entropy", "num_walls"):
        assert np.isfinite(metrics[name]).all(), name


def test_an_editor_of_another_size_is_refused_when_the_runner_is_made(getkey):
    editor = MazeEditor(7, 7, num_walls=4, noise_dim=0)
    curriculum = AdversarialDesign(learned(getkey(), editor), NegativeReturn(), num_levels=4)
    with pytest.raises(ValueError, match="proposes levels that the environment Maze cannot play"):
        make_runner(getkey(), curriculum=curriculum)


def test_no_levels_are_refused(getkey):
    with pytest.raises(ValueError, match="num_levels is 0"):
        AdversarialDesign(learned(getkey()), NegativeReturn(), num_levels=0)


def test_an_objective_that_keeps_records_is_refused(getkey):
    with pytest.raises(ValueError, match="the score MaxMC keeps a record of every level"):
        AdversarialDesign(learned(getkey()), MaxMC())


def repaired(key, **options):
    return LevelReplay.create(learned(key), RelativeRegret(), batch_size=4, capacity=8, **options)


def test_the_teacher_of_repaired_learns_from_new_levels_only(getkey):
    runner = make_runner(getkey(), curriculum=repaired(getkey()), num_students=2)
    step = eqx.filter_jit(lambda runner: runner.step())
    seen = set()
    for _ in range(10):
        teacher = runner.curriculum.generator.teacher
        runner, metrics = step(runner)
        replayed = float(metrics["replay_ratio"]) == 1
        same = bool(eqx.tree_equal(teacher, runner.curriculum.generator.teacher))
        assert same == replayed == bool(np.isnan(metrics["teacher_loss"]))
        assert (float(metrics["updated"]) == 1) == replayed
        seen.add(replayed)
    assert seen == {True, False}


def test_the_parallel_form_refuses_a_teacher(getkey):
    with pytest.raises(ValueError, match=r"LearnedGenerator.*parallel=False"):
        repaired(getkey(), parallel=True)


def test_a_sampling_generator_is_a_source_that_learns_nothing(getkey):
    source = Sampled(GENERATOR)
    levels, memory = source.draw(3, key=getkey())
    assert memory is None
    assert levels.wall_map.shape == (3, ENV.height, ENV.width)
    same, metrics = source.learn(memory, jnp.zeros(3), key=getkey())
    assert same is source
    assert metrics == {}
