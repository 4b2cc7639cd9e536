"""Options that would change nothing, and runs that could never learn, are refused by name."""

import dataclasses
import typing

import jax
import numpy as np
import pytest

from minimax_eqx.cli._arguments import option_types
from minimax_eqx.experiment import Config, ConfigError, preset
from minimax_eqx.experiment._build import make_env, make_generator, trace_runner
from minimax_eqx.experiment._config import with_options as set_options
from minimax_eqx.experiment._effects import ALWAYS, EFFECTS
from minimax_eqx.experiment._learning import numbers_of_levels
from minimax_eqx.experiment._options import EnvConfig, LevelsConfig, leaves

from .tiny import CONFIG, tiny


def with_options(config, group, **options):
    return dataclasses.replace(
        config, **{group: dataclasses.replace(getattr(config, group), **options)}
    )


@pytest.mark.parametrize(
    ("name", "group", "options", "message"),
    [
        (
            "maze-dr",
            "replay",
            {"score": "learnability", "replay_prob": 0.3},
            "^score, replay_prob: .* method level-replay",
        ),
        ("maze-sfl", "replay", {"robust": False}, "^robust: .* method level-replay"),
        ("maze-plr", "search", {"num_kept": 5}, "^num_kept: .* method sfl"),
        ("maze-plr", "curriculum", {"num_spare_levels": 3}, "^num_spare_levels: .* method dr"),
        ("maze-sfl", "curriculum", {"num_spare_levels": 3}, "^num_spare_levels: .* method dr"),
        ("maze-plr", "replay", {"top_k": 5}, "^top_k: .* prioritisation top-k.*at 100"),
        (
            "maze-plr",
            "replay",
            {"prioritisation": "top-k", "temperature": 0.1},
            "^temperature: .* prioritisation rank or",
        ),
        ("maze-plr", "replay", {"parents": "hardest"}, "^parents: .* num_edits above 0"),
        ("maze-accel", "replay", {"num_parents": 2}, "^num_parents: .* parents easiest or hardest"),
        (
            "maze-accel",
            "teacher",
            {"noise_dim": 3, "teacher_core": "gru"},
            "^noise_dim, teacher_core: .* generator teacher",
        ),
        ("maze-repaired", "teacher", {"objective": "negative-return"}, "^objective: .* score"),
        ("maze-dr", "network", {"num_core_layers": 3}, "^num_core_layers: .* core s5 or lru"),
        ("maze-paired", "network", {"num_blocks": 4}, "^num_blocks: .* core s5"),
        ("maze-dr", "levels", {"generator": "perfect", "num_walls": 9}, "^num_walls: .* random-w"),
        ("maze-dr", "levels", {"generator": "perfect", "replace": False}, "^replace: .* random-w"),
        ("maze-accel", "levels", {"replace": False}, "^replace: .* num_walls above 1"),
        (
            "maze-accel",
            "levels",
            {"replace": False, "sample_num_walls": True},
            "^sample_num_walls: .* num_walls above 0",
        ),
        ("maze-dr", "network", {"core": "none", "hidden_size": 12}, "^hidden_size: .* core other"),
        (
            "maze-paired",
            "teacher",
            {"teacher_core": "none", "teacher_hidden_size": 64},
            "^teacher_hidden_size: .* teacher_core other than none",
        ),
        ("maze-dr", "ppo", {"final_learning_rate": 1e-5}, "^final_learning_rate: .* anneal_steps"),
        (
            "maze-dr",
            "ppo",
            {"anneal_steps": 9, "final_learning_rate": 1e-4},
            "^anneal_steps: .* is not the learning_rate",
        ),
        ("maze-dr", "ppo", {"num_epochs": 1, "clip_range": 0.1}, "^clip_range: .* gradient step"),
        (
            "maze-paired",
            "teacher",
            {"teacher_num_epochs": 1, "teacher_clip_range": 0.1},
            "^teacher",
        ),
        ("maze-paired", "teacher", {"teacher_num_walls": 0, "replace_collisions": True}, "^repl"),
        (
            "maze-plr",
            "replay",
            {"staleness_coef": 1.0, "temperature": 0.1},
            "^temperature: .* stal",
        ),
        ("maze-robust-plr-s5", "network", {"core": "gru"}, "^layer_norm: .* core s5.*at post"),
    ],
)
def test_an_option_without_effect_is_refused_by_name(name, group, options, message):
    with pytest.raises(ConfigError, match=message):
        with_options(preset(name), group, **options).check()


def test_an_option_of_a_core_has_effect_if_the_teacher_has_that_core():
    options = {"core": "lru", "num_blocks": 4, "layer_norm": "pre"}
    config = with_options(preset("maze-paired-s5"), "network", **options)
    config.check()
    with pytest.raises(ConfigError, match=r"^num_blocks, layer_norm: .* core s5"):
        with_options(config, "teacher", teacher_core="gru").check()


def test_bootstrapping_at_a_time_limit_that_no_rollout_reaches_is_refused():
    config = with_options(CONFIG, "ppo", bootstrap_truncated=True)
    with pytest.raises(ConfigError, match=r"^bootstrap_truncated: .* at least max_episode_steps"):
        config.check()
    with_options(config, "curriculum", num_steps=12).check()


OPTIONS = [name for name, _ in leaves(CONFIG)]


def test_the_table_of_effects_names_every_option():
    sometimes = {name for effect in EFFECTS for name in effect.options}
    assert sometimes.isdisjoint(ALWAYS)
    assert sometimes | set(ALWAYS) == set(OPTIONS)
    assert len(ALWAYS) == len(set(ALWAYS))


# One preset of each method, and one of each part that brings options of its own.
PRESETS_OF_METHODS = [
    "maze-dr",
    "maze-accel",
    "maze-parallel-plr",
    "maze-sfl",
    "maze-paired",
    "maze-repaired",
    "maze-robust-plr-s5",
]


def read_while_building(config):
    """The options that are read while a runner, and what evaluates it, are made."""
    seen = set()

    def watched(group):
        names = {option.name for option in dataclasses.fields(group)}

        class Watched(type(group)):
            def __getattribute__(self, name):
                if name in names:
                    seen.add(name)
                return super().__getattribute__(name)

            def check(self):
                """It would read all of them."""

        values = {name: getattr(group, name) for name in names}
        return Watched(
            **{n: watched(v) if dataclasses.is_dataclass(v) else v for n, v in values.items()}
        )

    config = watched(config)
    seen.clear()
    trace_runner(config)
    make_generator(config.levels, make_env(config.env))
    return seen


@pytest.mark.parametrize("name", PRESETS_OF_METHODS)
def test_an_option_that_nothing_reads_is_refused(name):
    config = tiny(preset(name))
    config.check()
    # What the loop on the host and evaluation read.
    own = {option.name for option in dataclasses.fields(Config)}
    evaluation = {option.name for option in dataclasses.fields(config.evaluation)}
    unread = set(OPTIONS) - read_while_building(config) - own - evaluation
    assert unread, "every preset leaves the options of other methods alone"
    defaults = dict(leaves(Config()))
    for option in unread:
        value = dict(leaves(config))[option]
        assert value == defaults[option], option
        with pytest.raises(ConfigError, match=option):
            set_options(config, {option: another(option, value)}).check()


def another(option, value):
    """A value of the option's kind that is not this one, and that nothing else is wrong with."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        choices = option_types(Config)[option]
        return next(choice for choice in typing.get_args(choices) if choice != value)
    if value is None:
        return 1e-5
    return value + 1 if isinstance(value, int) else value * 0.5


@pytest.mark.parametrize(
    ("name", "group", "options", "message"),
    [
        ("maze-robust-plr", "replay", {"replay_prob": 0.0}, "replay_prob is 0, and with robust"),
        ("maze-accel", "replay", {"replay_prob": 0.0}, "replay_prob is 0, and with robust"),
        ("maze-repaired", "replay", {"replay_prob": 0.0}, "replay_prob is 0, and with robust"),
        ("maze-plr", "replay", {"replay_prob": 0.0}, "replay_prob is 0: nothing would ever be"),
        ("maze-sfl", "search", {"kept_share": 0.0}, "kept_share is 0.0: of 256 levels"),
        ("maze-sfl", "search", {"kept_share": 1e-3}, "kept_share is 0.001: of 256 levels"),
        ("maze-dr", "ppo", {"learning_rate": 0.0}, "learning_rate is 0: .* never learn"),
        (
            "maze-accel",
            "env",
            {"height": 3, "width": 3},
            "wait for 2000 different levels, and there are only 288 mazes of 3 x 3 cells",
        ),
    ],
)
def test_a_run_that_could_never_learn_is_refused_by_name(name, group, options, message):
    with pytest.raises(ConfigError, match=message):
        with_options(preset(name), group, **options).check()


def test_a_learning_rate_may_rise_from_0():
    options = {"learning_rate": 0.0, "final_learning_rate": 1e-3, "anneal_steps": 5}
    with_options(CONFIG, "ppo", **options).check()


@pytest.mark.parametrize(("replace", "sample"), [(False, False), (True, False), (False, True)])
def test_the_levels_of_a_small_maze_are_counted_as_its_generator_draws_them(replace, sample):
    levels = LevelsConfig(num_walls=2, replace=replace, sample_num_walls=sample)
    env = EnvConfig(height=2, width=3)
    config = dataclasses.replace(CONFIG, env=env, levels=levels)
    drawn = set()
    generator = make_generator(levels, make_env(env))
    keys = jax.random.split(jax.random.key(0), 30_000)
    batch = jax.jit(jax.vmap(generator.sample))(keys)
    rows = [np.asarray(leaf).reshape(len(keys), -1) for leaf in jax.tree.leaves(batch)]
    drawn = np.unique(np.concatenate(rows, axis=1).astype(np.int8), axis=0)
    assert sum(numbers_of_levels(config)) == len(drawn)
