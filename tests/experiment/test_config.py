"""Configurations: their round trip, what they refuse, and the presets."""

import dataclasses
import json

import equinox as eqx
import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.experiment import PRESETS, Config, ConfigError, make_runner, preset

from ..conftest import GOLDEN
from .tiny import CONFIG

finite = st.floats(allow_nan=False, allow_infinity=False)


def with_option(group, option, value):
    return dataclasses.replace(
        CONFIG, **{group: dataclasses.replace(getattr(CONFIG, group), **{option: value})}
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(),
    learning_rate=finite,
    final=st.none() | finite,
    mazes=st.lists(st.text(), max_size=3).map(tuple),
    greedy=st.booleans(),
)
def test_a_configuration_comes_back_from_json_as_it_was(seed, learning_rate, final, mazes, greedy):
    config = dataclasses.replace(
        CONFIG,
        seed=seed,
        ppo=dataclasses.replace(CONFIG.ppo, learning_rate=learning_rate, final_learning_rate=final),
        evaluation=dataclasses.replace(CONFIG.evaluation, mazes=mazes, greedy=greedy),
    )
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("seed"), "missing options: seed"),
        (lambda d: d["ppo"].pop("discount"), r"missing options: ppo\.discount"),
        (lambda d: d["env"].update(colour="red"), r"unknown options: env\.colour"),
        (lambda d: d.update(seed="1"), "seed is '1'; it must be of type int"),
        (lambda d: d.update(seed=True), "seed is True; it must be of type int"),
        (lambda d: d.update(env=3), "env.* is 3; it must be a group"),
        (lambda d: d["levels"].update(generator="x"), r"levels\.generator is 'x'; .* perfect"),
        (lambda d: d["ppo"].update(final_learning_rate="x"), r"ppo\.final_learning_rate is 'x'"),
        (lambda d: d["evaluation"].update(mazes=[1]), r"evaluation\.mazes\[0\] is 1"),
        (lambda d: d["evaluation"].update(mazes="Labyrinth"), r"evaluation\.mazes is 'Labyrinth'"),
    ],
)
def test_a_damaged_configuration_is_refused_by_the_name_of_the_option(change, message):
    data = CONFIG.to_dict()
    change(data)
    with pytest.raises(ConfigError, match=message):
        Config.from_dict(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_updates": 0}, "num_updates is 0; it must be at least 1"),
        ({"log_every": 0}, "log_every is 0"),
        ({"keep_checkpoints": 0}, "keep_checkpoints is 0"),
        ({"checkpoint_every": 3}, "checkpoint_every is 3; it must be a multiple of log_every"),
        ({"evaluate_every": 5}, "evaluate_every is 5; it must be a multiple of log_every"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **change).check()


@pytest.mark.parametrize(
    ("group", "option", "value", "message"),
    [
        ("env", "view_size", 4, "view_size is 4; it must be odd"),
        ("env", "height", 1, "height is 1"),
        ("levels", "num_walls", 29, "num_walls is 29; .* between 0 and 28"),
        ("levels", "generator", "perfect", "width is 6; it must be odd"),
        ("levels", "sample_num_walls", True, "choose one of replace and sample_num_walls"),
        ("network", "hidden_size", 0, "hidden_size is 0"),
        ("network", "num_head_layers", 0, "num_head_layers is 0"),
        ("ppo", "learning_rate", -1e-4, "learning_rate is -0.0001"),
        ("ppo", "learning_rate", float("nan"), "learning_rate is nan; it must be finite"),
        ("ppo", "max_grad_norm", float("inf"), "max_grad_norm is inf; it must be finite"),
        ("ppo", "final_learning_rate", 1e-5, "no effect without anneal_steps"),
        ("ppo", "discount", 1.5, "discount is 1.5"),
        ("ppo", "num_epochs", 0, "num_epochs is 0"),
        ("curriculum", "num_levels", 0, "num_levels is 0"),
        ("curriculum", "num_spare_levels", -1, "num_spare_levels is -1"),
        ("curriculum", "num_steps", 0, "num_steps is 0"),
        ("curriculum", "num_trials", 0, "num_trials is 0"),
        ("curriculum", "num_students", 0, "num_students is 0"),
        ("evaluation", "num_episodes", 0, "num_episodes is 0"),
        ("evaluation", "num_unseen_levels", 0, "num_unseen_levels is 0"),
        ("evaluation", "mazes", ("Labyrint",), "maze or panel 'Labyrint'. Did you mean 'Labyri"),
        ("evaluation", "mazes", ("minimax12",), "Did you mean 'minimax-12'"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(group, option, value, message):
    with pytest.raises(ValueError, match=message):
        eqx.filter_eval_shape(make_runner, with_option(group, option, value))


def test_panels_and_the_prefix_of_the_reference_are_names_of_mazes():
    with_option("evaluation", "mazes", ("minimax-12", "Maze-Labyrinth", "all")).check()


def test_the_names_of_options_are_unique_so_that_the_command_line_needs_no_prefixes():
    names = [
        option.name
        for group in (CONFIG, *(getattr(CONFIG, f.name) for f in dataclasses.fields(CONFIG)))
        if dataclasses.is_dataclass(group)
        for option in dataclasses.fields(group)
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name):
    runner = eqx.filter_eval_shape(make_runner, preset(name))
    assert runner.num_students == preset(name).curriculum.num_students
    assert PRESETS[name][1]


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"preset 'maze-d'. Did you mean 'maze-dr'\? .*quickst"):
        preset("maze-d")


def test_the_student_of_maze_dr_has_as_many_parameters_as_the_reference():
    network = eqx.filter_eval_shape(make_runner, preset("maze-dr")).students.network
    leaves = jax.tree.leaves(eqx.filter(network, lambda x: hasattr(x, "size")))
    assert sum(leaf.size for leaf in leaves) == 432_924


def test_maze_dr_has_the_hyperparameters_of_the_reference():
    reference = json.loads((GOLDEN / "presets.json").read_text())["presets"]["dr"]
    c = preset("maze-dr")
    ours = {
        "seed": c.seed,
        "rl_algorithm": "ppo",
        "total_student_updates": c.num_updates,
        "training_scheme": c.curriculum.method,
        "log_every_updates": c.log_every,
        "checkpoint_every_updates": c.checkpoint_every,
        "evaluate_every_updates": c.evaluate_every,
        "student_count": c.curriculum.num_students,
        "parallel_environments": c.curriculum.num_levels,
        "rollouts_per_level": c.curriculum.num_trials,
        "rollout_length": c.curriculum.num_steps,
        "learning_rate": c.ppo.learning_rate,
        "learning_rate_anneal_steps": c.ppo.anneal_steps,
        "max_gradient_norm": c.ppo.max_grad_norm,
        "adam_epsilon": c.ppo.adam_epsilon,
        "track_level_metrics": c.curriculum.track_level_metrics,
        "student_discount": c.ppo.discount,
        "student_gae_lambda": c.ppo.gae_lambda,
        "student_entropy_coefficient": c.ppo.entropy_coef,
        "student_value_loss_coefficient": c.ppo.value_loss_coef,
        "student_ppo_epochs": c.ppo.num_epochs,
        "student_ppo_minibatches": c.ppo.num_minibatches,
        "student_ppo_clip_range": c.ppo.clip_range,
        "student_ppo_clip_value_loss": c.ppo.clip_value_loss,
        "student_recurrent_core": c.network.core,
        "student_recurrent_width": c.network.hidden_size,
        "student_head_hidden_width": c.network.head_size,
        "student_head_hidden_layers": c.network.num_head_layers,
        "student_conv_filters": c.network.num_filters,
        "student_direction_embedding_width": c.network.embedding_size,
        "maze_height": c.env.height,
        "maze_width": c.env.width,
        "random_level_wall_draws": c.levels.num_walls,
        "random_level_draw_walls_with_replacement": c.levels.replace,
        "random_level_sample_wall_count": c.levels.sample_num_walls,
        "agent_visible_in_own_view": c.env.see_agent,
        "observe_agent_position": c.env.include_position,
        "max_episode_steps": c.env.max_episode_steps,
        "evaluation_episodes_per_environment": c.evaluation.num_episodes,
        "evaluation_environments": [f"Maze-{name}" for name in c.evaluation.mazes],
    }
    # How the reference unrolls its loops, names its parts and archives, and what has one value
    # here: scaled observations, four directions, one device, and mazes.
    no_options_here = {
        "device_count": 1,
        "student_network": "default_student_cnn",
        "environment": "Maze",
        "resume_from_last_checkpoint": True,
        "archive_every_updates": 0,
        "archive_initial_checkpoint": False,
        "rollout_loop_unroll": 10,
        "student_update_loop_unroll": 5,
        "student_direction_embedding_rows": 4,
        "normalise_student_observation": True,
        "evaluation_agent_visible_in_own_view": False,
        "evaluation_normalise_observation": True,
    }
    assert ours | no_options_here == reference
