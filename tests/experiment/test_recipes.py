"""The recipes: the values of the reference, and what the command line makes of them."""

import functools
import json

import equinox as eqx
import jax
import pytest

from minimax_eqx import Experiment, Runner, curricula, nets
from minimax_eqx._composition._draft import draft_of, options_of, with_changes
from minimax_eqx._composition._parts import Parts, help_of, name_of
from minimax_eqx._composition._plain import from_plain, to_plain
from minimax_eqx.agents import OverSteps
from minimax_eqx.agents._losses import ClippedValueLoss
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.curricula._lessons import Replayed
from minimax_eqx.recipes import maze, small
from minimax_eqx.recipes._known import RECIPES

from ..conftest import GOLDEN
from .tiny import (
    command_line_options,
    tiny,
)

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


def _anneal_steps(optimiser):
    return optimiser.annealing.anneal_steps if optimiser.annealing else 0


def in_words_of_the_reference(e):
    """An experiment as settings of the reference's presets."""
    student, curriculum = e.student, e.curriculum
    network, optimiser = student.network, student.optimiser
    # With a teacher random levels are for evaluation alone.
    walls = e.evaluation.unseen or curriculum.generator
    schemes = {"level-replay": "plr", "adversarial-design": "paired", "domain-randomisation": "dr"}
    return {
        "seed": e.seed,
        "rl_algorithm": name_of(type(student)),
        "total_student_updates": e.schedule.num_updates,
        "training_scheme": schemes[name_of(type(curriculum))],
        "log_every_updates": e.schedule.log_every,
        "checkpoint_every_updates": e.schedule.checkpoint_every,
        "evaluate_every_updates": e.schedule.evaluate_every,
        "student_count": e.num_students,
        "parallel_environments": curriculum.num_levels,
        "rollouts_per_level": e.num_trials,
        "rollout_length": e.num_steps,
        "learning_rate": optimiser.learning_rate,
        "learning_rate_anneal_steps": _anneal_steps(optimiser),
        "max_gradient_norm": optimiser.max_grad_norm,
        "adam_epsilon": optimiser.adam_epsilon,
        "track_level_metrics": e.track_level_metrics,
        "student_discount": student.discount,
        "student_gae_lambda": student.gae_lambda,
        "student_entropy_coefficient": student.entropy_coef,
        "student_value_loss_coefficient": student.value_loss_coef,
        "student_ppo_epochs": student.num_epochs,
        "student_ppo_minibatches": student.num_minibatches,
        "student_ppo_clip_range": student.clip_range,
        "student_ppo_clip_value_loss": isinstance(student.value_loss, ClippedValueLoss),
        "student_recurrent_core": name_of(type(network.core)),
        "student_recurrent_width": network.core.hidden_size,
        "student_head_hidden_width": network.head.head_size,
        "student_head_hidden_layers": network.head.num_layers,
        "student_conv_filters": network.encoder.num_filters,
        "student_direction_embedding_width": network.encoder.embedding_size,
        "maze_height": e.env.height,
        "maze_width": e.env.width,
        "random_level_wall_draws": walls.num_walls,
        "random_level_draw_walls_with_replacement": walls.replace,
        "random_level_sample_wall_count": walls.sample_num_walls,
        "agent_visible_in_own_view": e.env.see_agent,
        "observe_agent_position": e.env.include_position,
        "max_episode_steps": e.env.max_episode_steps,
        "evaluation_episodes_per_environment": e.evaluation.num_episodes,
        "evaluation_environments": [f"Maze-{name}" for name in e.evaluation.suite.mazes],
    }


def replay_in_words_of_the_reference(replay):
    is_parallel = isinstance(replay.schedule, curricula.SideBySide)
    settings = {
        "level_score": name_of(type(replay.score)).replace("-", "_"),
        "replay_probability": 1.0 if is_parallel else replay.schedule.replay_prob,
        "level_buffer_size": replay.capacity,
        "staleness_coefficient": replay.staleness_coef,
        "score_temperature": replay.prioritisation.temperature,
        "rank_prioritisation": isinstance(replay.prioritisation, curricula.Rank),
        "min_fill_ratio_before_replay": replay.min_fill_ratio,
        "train_on_replayed_levels_only": isinstance(replay.learn_from, Replayed),
        "evaluate_new_and_replay_in_parallel": is_parallel,
        "reject_duplicate_levels": True,
    }
    if replay.mutator is not None:
        settings |= {
            "level_editor": "default",
            "edits_per_level": replay.mutator.num_edits,
            "edit_parent_selection": name_of(type(replay.parents)).removeprefix("whole-"),
            "edit_parent_subsample_size": 4,  # without effect where the whole batch is edited
        }
    return settings


def s5_in_words_of_the_reference(agent, core):
    return {
        f"{agent}_s5_activation": core.activation,
        f"{agent}_s5_blocks": core.num_blocks,
        f"{agent}_s5_layernorm_position": core.norm,
        f"{agent}_s5_layers": core.num_layers,
    }


def teacher_in_words_of_the_reference(curriculum):
    design, teacher = curriculum.generator.design, curriculum.generator.teacher
    network, optimiser = teacher.network, teacher.optimiser
    return {
        "level_score": name_of(type(curriculum.objective)).replace("-", "_"),
        "teacher_wall_steps": design.num_walls,
        "teacher_fixed_wall_steps": design.wall_budget == "fixed",
        "teacher_first_tile_sets_budget": design.wall_budget == "first_wall",
        "teacher_may_reuse_wall_tiles": not design.replace_collisions,
        "teacher_sets_agent_direction": design.choose_direction,
        "teacher_noise_dim": design.noise_dim,
        "teacher_recurrent_core": name_of(type(network.core)),
        "teacher_recurrent_width": network.core.hidden_size,
        "teacher_conv_filters": network.encoder.num_filters,
        "teacher_time_embedding_width": network.encoder.embedding_size,
        "teacher_head_hidden_width": network.head.head_size,
        "teacher_head_hidden_layers": network.head.num_layers,
        "teacher_learning_rate": optimiser.learning_rate,
        "teacher_learning_rate_anneal_steps": _anneal_steps(optimiser),
        "teacher_max_gradient_norm": optimiser.max_grad_norm,
        "teacher_discount": teacher.discount,
        "teacher_gae_lambda": teacher.gae_lambda,
        "teacher_entropy_coefficient": teacher.entropy_coef,
        "teacher_value_loss_coefficient": teacher.value_loss_coef,
        "teacher_ppo_epochs": teacher.num_epochs,
        "teacher_ppo_minibatches": teacher.num_minibatches,
        "teacher_ppo_clip_range": teacher.clip_range,
        "teacher_ppo_clip_value_loss": isinstance(teacher.value_loss, ClippedValueLoss),
    }


@pytest.mark.parametrize("name", REFERENCE)
def test_a_recipe_has_the_hyperparameters_of_the_reference(name):
    reference = json.loads((GOLDEN / "presets.json").read_text())["presets"][REFERENCE[name]]
    # Runs are resumed when they are asked to be, and all students evaluated.
    reference.pop("resume_from_last_checkpoint")
    reference.pop("evaluated_students", None)
    if reference.get("evaluate_new_and_replay_in_parallel"):
        # The reference replays in every cycle then, whatever the preset says.
        reference["replay_probability"] = 1.0
    e = RECIPES[name]()
    settings = in_words_of_the_reference(e) | NO_OPTIONS_HERE
    if isinstance(e.student.network.core, nets.S5):
        settings |= s5_in_words_of_the_reference("student", e.student.network.core)
    if isinstance(e.curriculum, curricula.LevelReplay):
        settings |= replay_in_words_of_the_reference(e.curriculum)
    if isinstance(e.curriculum, curricula.AdversarialDesign):
        # The reference's teacher learns at the student's rate, whatever the preset says.
        reference["teacher_learning_rate"] = reference["learning_rate"]
        reference["teacher_max_gradient_norm"] = reference["max_gradient_norm"]
        settings |= teacher_in_words_of_the_reference(e.curriculum) | NO_OPTIONS_OF_A_TEACHER_HERE
        core = e.curriculum.generator.teacher.network.core
        if isinstance(core, nets.S5):
            settings |= s5_in_words_of_the_reference("teacher", core)
    assert settings == reference


def test_plr_is_robust_plr_with_updates_on_new_levels_too():
    assert maze.plr() == maze.robust_plr(learn_from=curricula.NewAndReplayed())


@pytest.mark.parametrize("name", RECIPES)
def test_every_field_of_a_recipe_has_a_name_a_sentence_and_a_plain_form(name):
    e = RECIPES[name]()
    assert RECIPES[name].__doc__
    assert from_plain(json.loads(json.dumps(to_plain(e))), Experiment, Parts()) == e
    for option in options_of(draft_of(e)):
        text = help_of(option.draft.cls).get(option.field.name, "")
        assert text.endswith("."), f"{option.path} of {option.draft.cls.__name__}"


@pytest.mark.parametrize("name", RECIPES)
def test_the_small_form_of_a_recipe_is_the_same_method_with_fewer_plays(name):
    e = RECIPES[name]()
    compact = small(e)
    for part in ("student", "curriculum", "evaluation"):
        assert kinds_in(getattr(compact, part)) == kinds_in(getattr(e, part))
    plays = compact.curriculum.levels_per_cycle * compact.num_trials
    assert plays <= 32 * (3 if isinstance(compact.curriculum, curricula.LevelReplay) else 1)
    assert compact.schedule.num_updates <= 300
    discounts = {o.value for o in options_of(draft_of(compact)) if o.field.name == "discount"}
    assert discounts == {0.99}


def kinds_in(part):
    """The classes of a part, and of all parts in it but for what anneals over a longer run."""
    nodes = [part]
    for node in nodes:
        nodes += [v for v in vars(node).values() if isinstance(v, eqx.Module)]
    return [type(node) for node in nodes if not isinstance(node, OverSteps)]


def test_what_a_user_asks_for_comes_after_what_a_recipe_says():
    student = maze.dr().student
    assert maze.accel_s5(student=student).student == student
    assert maze.parallel_accel(schedule=curricula.Sequential(0.2), replay_prob=0.3) == with_changes(
        maze.parallel_accel(), {"schedule": curricula.Sequential(0.3)}
    )


@functools.cache
def spec_of(name):
    """The runner of a recipe, with shapes and types for arrays."""
    return eqx.filter_eval_shape(Runner.create, RECIPES[name](), key=jax.random.key(0))


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
        assert num_parameters(runner.curriculum_state.source.teacher) == of_teacher


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds(name):
    assert spec_of(name).students.num_updates.shape == (RECIPES[name]().num_students,)


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_line_can_say_what_a_recipe_says(name, monkeypatch):
    given = []
    monkeypatch.setattr(
        terminal, "train", lambda experiment, *_, **__: given.append(experiment) or 0
    )
    wanted = tiny(RECIPES[name]())
    assert main(["train", name, *command_line_options(wanted, name)]) == 0
    assert given == [wanted]
