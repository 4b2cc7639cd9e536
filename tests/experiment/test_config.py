"""Configurations: their round trip, and what they refuse."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.experiment import Config, ConfigError, preset
from minimax_eqx.experiment._build import trace_runner
from minimax_eqx.experiment._config import with_options as set_options

from .tiny import CONFIG, tiny

finite = st.floats(allow_nan=False, allow_infinity=False)


def with_options(config, group, **options):
    return dataclasses.replace(
        config, **{group: dataclasses.replace(getattr(config, group), **options)}
    )


def with_option(group, option, value):
    return with_options(CONFIG, group, **{option: value})


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
        ("levels", "sample_num_walls", True, "choose one of replace and sample_num_walls"),
        ("network", "hidden_size", 0, "hidden_size is 0"),
        ("network", "num_head_layers", 0, "num_head_layers is 0"),
        ("ppo", "learning_rate", -1e-4, "learning_rate is -0.0001"),
        ("ppo", "learning_rate", float("nan"), "learning_rate is nan; it must be finite"),
        ("ppo", "max_grad_norm", float("inf"), "max_grad_norm is inf; it must be finite"),
        ("ppo", "final_learning_rate", 1e-5, "without effect except with anneal_steps"),
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
        trace_runner(with_option(group, option, value))


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


@pytest.mark.parametrize(
    ("name", "group", "options", "message"),
    [
        ("maze-plr", "replay", {"replay_prob": 1.5}, "replay_prob is 1.5"),
        ("maze-plr", "replay", {"buffer_capacity": 1}, "capacity is 1, less than one batch of 2"),
        ("maze-plr", "replay", {"temperature": 0.0}, "temperature is 0.0"),
        ("maze-plr", "replay", {"score": "relative-regret"}, "exactly 2 students, not 1"),
        ("maze-plr", "replay", {"score": "value-disagreement"}, "have 1 value head; .* at least 2"),
        ("maze-plr", "replay", {"prioritisation": "proportional"}, "those of MaxMC can be"),
        ("maze-accel", "replay", {"num_edits": -1}, "num_edits is -1; it must be at least 0"),
        ("maze-accel", "replay", {"parents": "easiest"}, "num_parents is 4; .* between 1 and"),
        ("maze-parallel-plr", "replay", {"replay_prob": 0.5}, "leave replay_prob out"),
        ("maze-sfl", "search", {"num_plays": 3}, "num_plays is 3; it must divide num_levels, 2"),
        ("maze-sfl", "search", {"num_kept": 9}, "capacity is 9, more than the num_candidates, 4"),
        ("maze-paired", "curriculum", {"num_students": 3}, "exactly 2 students, not 3"),
        ("maze-minimax", "teacher", {"objective": "population-regret"}, "at least 2 students"),
        (
            "maze-repaired",
            "replay",
            {"parallel": True, "replay_prob": 1.0},
            "LearnedGenerator, which learns .* parallel=False",
        ),
        ("maze-paired", "teacher", {"wall_budget": "first_wall", "teacher_num_walls": 0}, "budget"),
        ("maze-paired-s5", "network", {"hidden_size": 6}, "width is 6 and num_blocks 2; make"),
    ],
)
def test_what_a_curriculum_cannot_use_is_refused_by_name(name, group, options, message):
    with pytest.raises(ValueError, match=message):
        trace_runner(with_options(tiny(preset(name)), group, **options))


@pytest.mark.parametrize(
    ("group", "options", "message"),
    [
        ("curriculum", {"method": "dr"}, "generator is teacher, and in method dr nothing pays"),
        ("curriculum", {"method": "sfl"}, "generator is teacher, and in method sfl nothing pays"),
        ("levels", {"generator": "perfect"}, "generator is perfect; method adversarial needs a t"),
        ("teacher", {"teacher_num_walls": 168}, "teacher_num_walls is 168; .* between 0 and 167"),
        ("teacher", {"teacher_num_walls": -1}, "teacher_num_walls is -1; .* between 0 and 167"),
        ("teacher", {"teacher_hidden_size": 0}, "teacher_hidden_size is 0"),
        ("env", {"height": 7, "width": 8}, "teacher_num_walls is 60; .* 7 x 8 cells .* and 54"),
        # What the students are evaluated on.
        ("levels", {"num_walls": 168}, r"RandomWalls\.num_walls is 168; .* between 0 and 167"),
    ],
)
def test_what_does_not_fit_a_teacher_is_refused_before_anything_is_built(group, options, message):
    with pytest.raises(ValueError, match=message):
        with_options(preset("maze-paired"), group, **options).check()


def test_an_even_perfect_maze_is_refused_by_the_name_of_its_size():
    config = with_options(CONFIG, "levels", generator="perfect", num_walls=60)
    with pytest.raises(ValueError, match="width is 6; it must be odd"):
        trace_runner(config)


@pytest.mark.parametrize("option", ["num_levels", "num_updates", "hidden_size", "buffer_capacity"])
def test_no_count_goes_beyond_32_bits(option):
    config = set_options(preset("maze-plr"), {option: 2**31})
    with pytest.raises(ConfigError, match=f"{option} is 2147483648; it must be at most 2147483647"):
        config.check()


def test_the_steps_of_a_cycle_are_counted_in_32_bits():
    with pytest.raises(ConfigError, match=r"num_levels x .* x num_steps is 3200000000; .* at most"):
        with_options(preset("maze-dr"), "curriculum", num_steps=10**8).check()


def test_a_log_interval_longer_than_the_run_is_refused():
    config = dataclasses.replace(CONFIG, log_every=50, num_updates=10, checkpoint_every=50)
    with pytest.raises(
        ConfigError, match=r"log_every is 50; it must be at most num_updates, .* 10"
    ):
        config.check()
