"""Which options have an effect, and with what: one table for all of them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._options import (
    ConfigError,
    EnvConfig,
    EvaluationConfig,
    LevelReplayConfig,
    SearchConfig,
    TeacherConfig,
    leaves,
)

if TYPE_CHECKING:
    from ._config import Config


def options_of(group: type) -> tuple[str, ...]:
    """The names of the options of a group, without those of groups in it."""
    return tuple(option.name for option in dataclasses.fields(group))


def _cores(config: "Config") -> set[str]:
    """The memories in use: of the students, and of a teacher if there is one."""
    is_designed = config.levels.generator == "teacher"
    return {config.network.core} | ({config.teacher.teacher_core} if is_designed else set())


def _is_replayed(config: "Config") -> bool:
    return config.curriculum.method == "level-replay"


def _scores_count(config: "Config") -> bool:
    return config.replay.staleness_coef < 1


@dataclass(frozen=True)
class Effect:
    """Options that change nothing except where `holds` says that they do."""

    options: tuple[str, ...]
    circumstance: str
    holds: "Callable[[Config], bool]" = field(repr=False)


# The first that does not hold is the reason that is told.
EFFECTS = (
    Effect(options_of(LevelReplayConfig), "method level-replay", _is_replayed),
    Effect(options_of(SearchConfig), "method sfl", lambda c: c.curriculum.method == "sfl"),
    Effect(
        options_of(TeacherConfig),
        "generator teacher",
        lambda c: c.levels.generator == "teacher",
    ),
    Effect(("num_spare_levels",), "method dr", lambda c: c.curriculum.method == "dr"),
    Effect(
        ("objective",),
        "method adversarial (in level replay the score is what the teacher is paid)",
        lambda c: c.curriculum.method == "adversarial",
    ),
    Effect(
        ("num_walls", "replace", "sample_num_walls"),
        "generator random-walls or teacher",
        lambda c: c.levels.generator != "perfect",
    ),
    Effect(("sample_num_walls",), "num_walls above 0", lambda c: c.levels.num_walls > 0),
    Effect(
        ("replace",),
        "num_walls above 1, or sample_num_walls",
        lambda c: c.levels.num_walls > 1 or c.levels.sample_num_walls,
    ),
    Effect(("hidden_size",), "a core other than none", lambda c: c.network.core != "none"),
    Effect(
        ("teacher_hidden_size",),
        "a teacher_core other than none",
        lambda c: c.teacher.teacher_core != "none",
    ),
    Effect(
        ("num_core_layers",), "core s5 or lru", lambda c: not _cores(c).isdisjoint({"s5", "lru"})
    ),
    Effect(("num_blocks", "layer_norm"), "core s5", lambda c: "s5" in _cores(c)),
    Effect(("final_learning_rate",), "anneal_steps above 0", lambda c: c.ppo.anneal_steps > 0),
    Effect(
        ("anneal_steps",),
        "a final_learning_rate that is not the learning_rate",
        lambda c: c.ppo.final_learning_rate != c.ppo.learning_rate,
    ),
    Effect(
        ("clip_range",),
        "more than one gradient step per update (num_epochs, num_minibatches)",
        lambda c: c.ppo.num_epochs * c.ppo.num_minibatches > 1,
    ),
    Effect(
        ("bootstrap_truncated",),
        "num_steps of at least max_episode_steps: before that no episode is at its time limit",
        lambda c: c.curriculum.num_steps >= c.env.max_episode_steps,
    ),
    Effect(("prioritisation", "temperature", "top_k"), "staleness_coef below 1", _scores_count),
    Effect(
        ("temperature",),
        "prioritisation rank or proportional",
        lambda c: c.replay.prioritisation != "top-k",
    ),
    Effect(("top_k",), "prioritisation top-k", lambda c: c.replay.prioritisation == "top-k"),
    Effect(("parents", "num_parents"), "num_edits above 0", lambda c: c.replay.num_edits > 0),
    Effect(("num_parents",), "parents easiest or hardest", lambda c: c.replay.parents != "batch"),
    Effect(
        ("replace_collisions",),
        "teacher_num_walls above 0",
        lambda c: c.teacher.teacher_num_walls > 0,
    ),
    Effect(
        ("teacher_clip_range",),
        "more than one gradient step per update (teacher_num_epochs, teacher_num_minibatches)",
        lambda c: c.teacher.teacher_num_epochs * c.teacher.teacher_num_minibatches > 1,
    ),
)

# These have an effect in every run. num_episodes has one even if no maze is named, since `evaluate`
# can name some later.
ALWAYS = (
    *("seed", "num_updates", "log_every", "checkpoint_every", "keep_checkpoints"),
    *("evaluate_every", "devices", "matmul_precision"),
    *options_of(EnvConfig),
    *("generator", "core", "num_filters", "embedding_size", "head_size"),
    *("num_head_layers", "num_value_heads"),
    *("learning_rate", "max_grad_norm", "adam_epsilon", "discount", "gae_lambda"),
    *("value_loss_coef", "entropy_coef", "num_epochs", "num_minibatches"),
    *("num_accumulation_steps", "clip_value_loss"),
    *("method", "num_levels", "num_steps", "num_trials", "num_students", "track_level_metrics"),
    *options_of(EvaluationConfig),
)


def without_effect(config: "Config", defaults: "Config") -> dict[str, Effect]:
    """The options that differ from their defaults and change nothing, each with the reason."""
    values, before = dict(leaves(config)), dict(leaves(defaults))
    found: dict[str, Effect] = {}
    for effect in EFFECTS:
        if not effect.holds(config):
            for name in effect.options:
                if values[name] != before[name]:
                    found.setdefault(name, effect)
    return found


def check_effects(config: "Config", defaults: "Config") -> None:
    """Raises `ConfigError`, naming them, for options that change nothing."""
    found = without_effect(config, defaults)
    if not found:
        return
    reason = next(iter(found.values()))
    names = [name for name, effect in found.items() if effect is reason]
    before = dict(leaves(defaults))
    raise ConfigError(
        f"{', '.join(names)}: without effect except with {reason.circumstance}. "
        f"Leave {', '.join(f'{name} at {before[name]}' for name in names)}."
    )
