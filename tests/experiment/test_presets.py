"""The presets: the values of the reference, and tiny runs of them, resumed and evaluated."""

import dataclasses
import functools
import json
import shutil

import equinox as eqx
import jax
import pytest

from minimax_eqx import nets
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import PRESETS, Checkpoints, ConfigError, preset
from minimax_eqx.experiment._build import trace_runner
from minimax_eqx.experiment._options import NetworkConfig, TeacherConfig

from ..conftest import GOLDEN
from .tiny import (
    assert_same_state,
    change_config,
    command_line_options,
    launch,
    resume,
    rows,
    tiny,
    train,
)

PATIENCE = 240
CORES = {"gru": nets.GRU, "lru": nets.LRU, "s5": nets.S5, "none": nets.Feedforward}
REPLAYING = [
    name
    for name, (config, _) in PRESETS.items()
    if config.curriculum.method in ("level-replay", "sfl") and config.network.core == "lstm"
]
# Their parts are those of others; `pytest -m slow` runs them.
SLOW = {
    "maze-plr",
    "maze-robust-plr",
    "maze-parallel-plr",
    "maze-paired",
    "maze-population-paired",
    "maze-minimax",
    "maze-paired-s5",
}


def in_every_run_or_slow(names):
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


# Presets with S5 differ from those without in their networks; one stands for all.
DESIGNING = ["maze-paired", "maze-population-paired", "maze-minimax", "maze-paired-s5"]

# Which of the reference's presets has the values of which one here.
REFERENCE = {
    "maze-dr": "dr",
    "maze-robust-plr": "plr",
    "maze-accel": "accel",
    "maze-parallel-plr": "pplr",
    "maze-parallel-accel": "paccel",
    "maze-paired": "paired",
    "maze-dr-s5": "s5_dr",
    "maze-robust-plr-s5": "s5_plr",
    "maze-accel-s5": "s5_accel",
    "maze-parallel-plr-s5": "s5_pplr",
    "maze-parallel-accel-s5": "s5_paccel",
    "maze-paired-s5": "s5_paired",
}
# How the reference unrolls its loops, names its parts and archives, and what has one value here:
# scaled observations, four directions, one device, and mazes.
NO_OPTIONS_HERE = {
    "device_count": 1,
    "student_network": "default_student_cnn",
    "environment": "Maze",
    "archive_every_updates": 0,
    "archive_initial_checkpoint": False,
    "rollout_loop_unroll": 10,
    "student_update_loop_unroll": 5,
    "student_direction_embedding_rows": 4,
    "normalise_student_observation": True,
    "evaluation_agent_visible_in_own_view": False,
    "evaluation_normalise_observation": True,
}
NO_OPTIONS_OF_A_TEACHER_HERE = {
    "teacher_network": "default_teacher_cnn",
    "teacher_update_loop_unroll": 5,
    "normalise_teacher_observation": True,
}


def in_words_of_the_reference(c):
    """A configuration as settings of the reference's presets."""
    return {
        "seed": c.seed,
        "rl_algorithm": "ppo",
        "total_student_updates": c.num_updates,
        "training_scheme": {"level-replay": "plr", "adversarial": "paired", "dr": "dr"}[
            c.curriculum.method
        ],
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


def replay_in_words_of_the_reference(replay):
    settings = {
        "level_score": replay.score.replace("-", "_"),
        "replay_probability": replay.replay_prob,
        "level_buffer_size": replay.buffer_capacity,
        "staleness_coefficient": replay.staleness_coef,
        "score_temperature": replay.temperature,
        "rank_prioritisation": replay.prioritisation == "rank",
        "min_fill_ratio_before_replay": replay.min_fill_ratio,
        "train_on_replayed_levels_only": replay.robust,
        "evaluate_new_and_replay_in_parallel": replay.parallel,
        "reject_duplicate_levels": True,
    }
    if replay.num_edits > 0:
        settings |= {
            "level_editor": "default",
            "edits_per_level": replay.num_edits,
            "edit_parent_selection": replay.parents,
            "edit_parent_subsample_size": replay.num_parents,
        }
    return settings


def s5_in_words_of_the_reference(agent, network):
    return {
        f"{agent}_s5_activation": "half_glu1",  # the only one that presets use
        f"{agent}_s5_blocks": network.num_blocks,
        f"{agent}_s5_layernorm_position": network.layer_norm,
        f"{agent}_s5_layers": network.num_core_layers,
    }


def teacher_in_words_of_the_reference(teacher):
    return {
        "level_score": teacher.objective.replace("-", "_"),
        "teacher_wall_steps": teacher.teacher_num_walls,
        "teacher_fixed_wall_steps": teacher.wall_budget == "fixed",
        "teacher_first_tile_sets_budget": teacher.wall_budget == "first_wall",
        "teacher_may_reuse_wall_tiles": not teacher.replace_collisions,
        "teacher_sets_agent_direction": teacher.choose_direction,
        "teacher_noise_dim": teacher.noise_dim,
        "teacher_recurrent_core": teacher.teacher_core,
        "teacher_recurrent_width": teacher.teacher_hidden_size,
        "teacher_conv_filters": teacher.teacher_num_filters,
        "teacher_time_embedding_width": teacher.time_embedding_size,
        "teacher_head_hidden_width": teacher.teacher_head_size,
        "teacher_head_hidden_layers": teacher.teacher_num_head_layers,
        "teacher_learning_rate": teacher.teacher_learning_rate,
        "teacher_learning_rate_anneal_steps": teacher.teacher_anneal_steps,
        "teacher_max_gradient_norm": teacher.teacher_max_grad_norm,
        "teacher_discount": teacher.teacher_discount,
        "teacher_gae_lambda": teacher.teacher_gae_lambda,
        "teacher_entropy_coefficient": teacher.teacher_entropy_coef,
        "teacher_value_loss_coefficient": teacher.teacher_value_loss_coef,
        "teacher_ppo_epochs": teacher.teacher_num_epochs,
        "teacher_ppo_minibatches": teacher.teacher_num_minibatches,
        "teacher_ppo_clip_range": teacher.teacher_clip_range,
        "teacher_ppo_clip_value_loss": teacher.teacher_clip_value_loss,
    }


@pytest.mark.parametrize("name", REFERENCE)
def test_a_preset_has_the_hyperparameters_of_the_reference(name):
    reference = json.loads((GOLDEN / "presets.json").read_text())["presets"][REFERENCE[name]]
    # Runs are resumed when they are asked to be, and all students evaluated.
    reference.pop("resume_from_last_checkpoint")
    reference.pop("evaluated_students", None)
    if reference.get("evaluate_new_and_replay_in_parallel"):
        # The reference replays in every cycle then, whatever the preset says.
        reference["replay_probability"] = 1.0
    config = preset(name)
    settings = in_words_of_the_reference(config) | NO_OPTIONS_HERE
    if config.network.core == "s5":
        settings |= s5_in_words_of_the_reference("student", config.network)
    if config.curriculum.method == "level-replay":
        settings |= replay_in_words_of_the_reference(config.replay)
    if config.levels.generator == "teacher":
        # The reference's teacher learns at the student's rate, whatever the preset says.
        reference["teacher_learning_rate"] = reference["learning_rate"]
        reference["teacher_max_gradient_norm"] = reference["max_gradient_norm"]
        settings |= teacher_in_words_of_the_reference(config.teacher) | NO_OPTIONS_OF_A_TEACHER_HERE
        if config.teacher.teacher_core == "s5":
            settings |= s5_in_words_of_the_reference("teacher", config.network)
    assert settings == reference


def test_plr_is_robust_plr_with_updates_on_new_levels_too():
    robust = preset("maze-robust-plr")
    replay = dataclasses.replace(robust.replay, robust=False)
    assert preset("maze-plr") == dataclasses.replace(robust, replay=replay)


@functools.cache
def spec_of(name):
    """The runner of a preset, with shapes and types for arrays."""
    return trace_runner(preset(name)).spec


def num_parameters(agent):
    leaves = jax.tree.leaves(eqx.filter(agent.network, lambda x: hasattr(x, "size")))
    return sum(leaf.size for leaf in leaves)


@pytest.mark.parametrize(
    ("name", "of_students", "of_teacher"),
    [
        ("maze-dr", 432_924, None),
        ("maze-dr-s5", 451_612, None),
        ("maze-paired", 2 * 432_924, 22_502_038),
        ("maze-paired-s5", 2 * 451_612, 1_819_670),
    ],
)
def test_the_agents_have_as_many_parameters_as_the_references(name, of_students, of_teacher):
    runner = spec_of(name)
    assert num_parameters(runner.students) == of_students
    if of_teacher is not None:
        assert num_parameters(runner.curriculum.generator.teacher) == of_teacher


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name):
    assert spec_of(name).num_students == preset(name).curriculum.num_students
    assert PRESETS[name][1]


@pytest.mark.parametrize(
    ("core", "teacher_core"), [("gru", "lru"), ("lru", "gru"), ("none", "s5"), ("s5", "none")]
)
def test_any_core_works_for_student_and_teacher(core, teacher_core):
    config = tiny(preset("maze-paired"))
    # Without a memory there is no width to choose.
    width = {"hidden_size": NetworkConfig.hidden_size} if core == "none" else {}
    network = dataclasses.replace(config.network, core=core, **width)
    width = {"teacher_hidden_size": TeacherConfig.teacher_hidden_size}
    width = width if teacher_core == "none" else {}
    teacher = dataclasses.replace(config.teacher, teacher_core=teacher_core, **width)
    config = dataclasses.replace(config, network=network, teacher=teacher)
    runner = trace_runner(config).spec
    assert type(runner.students.network.core) is CORES[core]
    assert type(runner.curriculum.generator.teacher.network.core) is CORES[teacher_core]
    after, metrics = eqx.filter_eval_shape(lambda runner: runner.step(), runner)
    assert jax.tree.structure(after) == jax.tree.structure(runner)
    assert {"loss", "teacher_loss", "student1_return"} <= metrics.keys()


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"preset 'maze-d'. Did you mean 'maze-dr'\? .*quickst"):
        preset("maze-d")


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A function that gives a finished tiny run of a preset, trained when it is first wanted."""
    return functools.cache(
        lambda name: train(tiny(preset(name)), tmp_path_factory.mktemp("tiny") / "run")
    )


def resume_from_the_earliest_checkpoint(straight, copy):
    """Goes on from there in a copy of a finished run, which must end as that did.

    Returns the cycle of the checkpoint.
    """
    path = straight.folder.path
    shutil.copytree(path, copy)
    earliest, *later = sorted(Checkpoints(copy / "checkpoints", 3).cycles())
    for cycle in later:
        shutil.rmtree(copy / "checkpoints" / str(cycle))
    assert earliest < straight.ledger.cycle
    resumed = resume(copy)
    assert_same_state(resumed.runner, straight.runner)
    assert rows(copy) == rows(path)
    evaluation = (path / "evaluation.json").read_text()
    assert (copy / "evaluation.json").read_text() == evaluation
    assert json.loads(evaluation)["unseen"]["num_episodes"] == 4
    return earliest


@pytest.mark.parametrize("name", in_every_run_or_slow(REPLAYING))
def test_a_preset_with_a_buffer_trains_resumes_bit_for_bit_and_is_evaluated(
    name, tiny_run, tmp_path
):
    straight = tiny_run(name)
    written = straight.folder.metrics().read()
    assert any(row["replayed_passable"] >= 0 for row in written)
    assert straight.ledger.updates >= 8  # whole log intervals are played
    # All methods but this one have cycles without an update.
    assert (straight.ledger.cycle == straight.ledger.updates) == (name == "maze-plr")
    earliest = resume_from_the_earliest_checkpoint(straight, tmp_path / "copy")
    # There were levels in the buffer when that was saved.
    assert next(row for row in written if row["cycle"] == earliest)["buffer_fill_ratio"] > 0


@pytest.mark.parametrize("name", in_every_run_or_slow(DESIGNING))
def test_a_preset_with_a_teacher_trains_resumes_bit_for_bit_and_is_evaluated(
    name, tiny_run, tmp_path
):
    straight = tiny_run(name)
    assert straight.ledger.cycle == straight.ledger.updates == 8
    assert straight.runner.curriculum.generator.teacher.num_updates == 8
    resume_from_the_earliest_checkpoint(straight, tmp_path / "copy")


@pytest.mark.slow
def test_accel_from_the_command_line_goes_on_in_another_process_bit_for_bit(tiny_run, tmp_path):
    straight, path = tiny_run("maze-accel"), tmp_path / "run"
    half = dataclasses.replace(tiny(preset("maze-accel")), num_updates=4)
    options = command_line_options(half, preset("maze-accel"))
    process = launch("train", "maze-accel", *options, "--run", path, cwd=tmp_path)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), err
    assert "unseen training levels" in out
    assert rows(path) == rows(straight.folder.path)[: len(rows(path))]
    change_config(path, num_updates=8)
    assert_same_state(resume(path).runner, straight.runner)
    assert rows(path) == rows(straight.folder.path)


@pytest.mark.parametrize("name", PRESETS)
def test_the_command_line_can_say_what_a_preset_says(name, monkeypatch):
    given = []

    def start_nothing(config, *_):
        given.append(config)
        raise ValueError("enough")

    monkeypatch.setattr(terminal, "start", start_nothing)
    wanted = tiny(preset(name))
    assert main(["train", name, *command_line_options(wanted, preset(name))]) == 2
    assert given == [wanted]
