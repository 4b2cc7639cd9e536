"""Learning rates that reach 0 before a run ends."""

import dataclasses

import pytest

from minimax_eqx.experiment import PRESETS, ConfigError, preset
from minimax_eqx.experiment._annealing import check_annealing

from .tiny import CONFIG, train


def annealed(config=CONFIG, group="ppo", **options):
    return dataclasses.replace(
        config, **{group: dataclasses.replace(getattr(config, group), **options)}
    )


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_outlives_its_learning_rates(name):
    check_annealing(preset(name))


# 8 updates of 2 epochs each.
@pytest.mark.parametrize("steps", [15, 16, 17, 1000])
@pytest.mark.parametrize("final", [None, 0.0])
def test_a_rate_that_is_0_after_the_last_update_is_accepted(steps, final):
    check_annealing(annealed(anneal_steps=steps, final_learning_rate=final))


@pytest.mark.parametrize(("steps", "most"), [(1, 1), (2, 1), (13, 7), (14, 7)])
@pytest.mark.parametrize("final", [None, 0.0, 1e-60])
def test_a_rate_that_is_0_before_the_last_update_is_refused_by_name(steps, most, final):
    config = annealed(anneal_steps=steps, final_learning_rate=final)
    message = rf"anneal_steps is {steps}, .* 0 after {most} of the 8 .*Raise anneal_steps to 16,"
    with pytest.raises(ConfigError, match=message):
        check_annealing(config)
    check_annealing(dataclasses.replace(config, num_updates=most))
    check_annealing(annealed(anneal_steps=16, final_learning_rate=final))


def test_minibatches_are_gradient_steps_too():
    config = annealed(anneal_steps=16, num_minibatches=2)
    with pytest.raises(ConfigError, match=r"4 gradient steps.* after 4 of the 8 updates"):
        check_annealing(config)


def test_a_rate_that_anneals_to_another_number_never_ends():
    check_annealing(annealed(anneal_steps=2, final_learning_rate=1e-5))


def teacher_of(method, **replay):
    config = preset("maze-paired" if method == "adversarial" else "maze-repaired")
    config = annealed(config, "teacher", teacher_anneal_steps=50)  # 10 updates of 5 epochs
    return dataclasses.replace(
        config, num_updates=11, replay=dataclasses.replace(config.replay, **replay)
    )


def test_a_teacher_whose_rate_is_0_before_the_last_update_is_refused_by_its_own_options():
    config = teacher_of("adversarial")
    message = (
        r"teacher_anneal_steps is 50.*the teacher's learning rate is 0 after 10 of the 11 updates"
        r".*Raise teacher_anneal_steps to 55, set it to 0 for never, or lower num_updates to 10"
    )
    with pytest.raises(ConfigError, match=message):
        check_annealing(config)
    check_annealing(dataclasses.replace(config, num_updates=10))


def test_a_teacher_that_learns_less_often_than_its_students_anneals_longer():
    with pytest.raises(ConfigError, match="after about"):
        check_annealing(teacher_of("level-replay", replay_prob=0.4))
    check_annealing(teacher_of("level-replay", replay_prob=0.8))
    check_annealing(teacher_of("level-replay", replay_prob=0.5, robust=False))


def test_a_run_that_exists_keeps_its_annealing(tmp_path):
    with pytest.raises(ConfigError, match=r"keeps its annealing: train it to at most 1 updates"):
        check_annealing(annealed(anneal_steps=2), tmp_path)


def test_a_run_that_would_outlive_its_rate_leaves_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="anneal_steps"):
        train(annealed(anneal_steps=2), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
