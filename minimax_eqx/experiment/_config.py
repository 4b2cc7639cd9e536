"""What a run is made of, as typed plain data."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ._effects import check_effects
from ._learning import check_that_students_learn
from ._options import (
    ConfigError,
    CurriculumConfig,
    EnvConfig,
    EvaluationConfig,
    LevelReplayConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
    SearchConfig,
    TeacherConfig,
    leaves,
)

Group = TypeVar("Group")

MAX_SEED = 2**32 - 1
# Programs count in 32 bits.
MAX_COUNT = 2**31 - 1


@dataclass(frozen=True)
class Config:
    """Everything that decides what a run computes."""

    seed: int = 1
    """Seed of all random numbers."""
    num_updates: int = 30_000
    """PPO updates of the student to train for; the log interval that reaches it is finished."""
    log_every: int = 10
    """Cycles between rows of metrics.csv; also the cycles per compiled dispatch."""
    checkpoint_every: int = 1_000
    """Cycles between checkpoints; a multiple of log-every."""
    keep_checkpoints: int = 3
    """How many of the newest checkpoints are kept."""
    evaluate_every: int = 0
    """Cycles between evaluations on the way; a multiple of log-every, 0 for at the end only."""
    devices: int = 1
    """Devices that share the levels of a cycle, those of all processes together."""
    matmul_precision: Literal["default", "bfloat16", "tensorfloat32", "float32"] = "default"
    """How precisely accelerators multiply matrices; default is JAX's own setting."""
    env: EnvConfig = field(default_factory=EnvConfig)
    levels: LevelsConfig = field(default_factory=LevelsConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    replay: LevelReplayConfig = field(default_factory=LevelReplayConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def check(self) -> None:
        """Raises `ConfigError`, naming the option, for what the parts of a run do not check."""
        self._check_numbers()
        self._check_schedule()
        self._check_size()
        self._check_generator()
        check_effects(self, Config())
        check_that_students_learn(self)
        if self.levels.generator == "teacher":
            self._check_teacher()
        self.evaluation.check()

    def _check_numbers(self) -> None:
        for name, value in leaves(self):
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name} is {value}; it must be finite.")
        least = {
            "num_updates": 1,
            "log_every": 1,
            "checkpoint_every": 1,
            "keep_checkpoints": 1,
            "evaluate_every": 0,
            "devices": 1,
            "num_levels": 1,
            "num_spare_levels": 0,
            "num_steps": 1,
            "num_trials": 1,
            "num_students": 1,
            "num_epochs": 1,
            "num_minibatches": 1,
            "num_accumulation_steps": 1,
            "buffer_capacity": 1,
            "num_episodes": 1,
            "num_unseen_levels": 1,
            "num_edits": 0,
            **dict.fromkeys((f.name for f in dataclasses.fields(NetworkConfig)), 1),
            "teacher_hidden_size": 1,
            "teacher_num_filters": 1,
            "time_embedding_size": 1,
            "teacher_head_size": 1,
            "teacher_num_head_layers": 1,
        }
        for name, value in leaves(self):
            if isinstance(value, int) and value < least.get(name, value):
                raise ConfigError(f"{name} is {value}; it must be at least {least[name]}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed is {self.seed}; it must be between 0 and {MAX_SEED}.")
        for name, value in leaves(self):
            if isinstance(value, int) and value > MAX_COUNT and name != "seed":
                raise ConfigError(f"{name} is {value}; it must be at most {MAX_COUNT}.")

    def _check_schedule(self) -> None:
        if self.log_every > self.num_updates:
            raise ConfigError(
                f"log_every is {self.log_every}; it must be at most num_updates, which is "
                f"{self.num_updates}, since a log interval is always finished: lower log_every too."
            )
        for name in ("checkpoint_every", "evaluate_every"):
            if getattr(self, name) % self.log_every != 0:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; it must be a multiple of log_every, "
                    f"which is {self.log_every}."
                )

    def _check_size(self) -> None:
        curriculum = self.curriculum
        in_a_cycle = curriculum.num_levels * curriculum.num_trials * curriculum.num_students
        for name in ("num_steps", "num_spare_levels"):
            total = in_a_cycle * getattr(curriculum, name)
            if total > MAX_COUNT:
                raise ConfigError(
                    f"num_levels x num_trials x num_students x {name} is {total}; it must be at "
                    f"most {MAX_COUNT}."
                )

    def _check_generator(self) -> None:
        method, generator = self.curriculum.method, self.levels.generator
        if method == "adversarial" and generator != "teacher":
            raise ConfigError(f"generator is {generator}; method adversarial needs a teacher.")
        if method in ("dr", "sfl") and generator == "teacher":
            raise ConfigError(
                f"generator is teacher, and in method {method} nothing pays it; use adversarial or "
                "level-replay."
            )

    def _check_teacher(self) -> None:
        # It needs JAX, for which other mistakes need not wait.
        from ..envs.maze import RandomWalls

        env, levels, teacher = self.env, self.levels, self.teacher
        most = env.height * env.width - 2
        if not 0 <= teacher.teacher_num_walls <= most:
            raise ConfigError(
                f"teacher_num_walls is {teacher.teacher_num_walls}; in a maze of {env.height} x "
                f"{env.width} cells it must be between 0 and {most}."
            )
        # Only evaluation plays these, which would be late to find out that they cannot be.
        RandomWalls(
            env.height, env.width, levels.num_walls, levels.replace, levels.sample_num_walls
        )

    def what_decides_the_state(self) -> dict[str, Any]:
        """The options that a saved state depends on, by name.

        The others (how long to train, when to log, save and evaluate, on how many devices) can be
        changed between the parts of a run.
        """
        groups = (
            self.env,
            self.levels,
            self.network,
            self.ppo,
            self.curriculum,
            self.replay,
            self.search,
            self.teacher,
        )
        own = {"seed": self.seed, "matmul_precision": self.matmul_precision}
        return own | dict(pair for group in groups for pair in leaves(group))

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Config":
        """The inverse of `to_dict`. Raises `ConfigError` for what is missing, unknown or no such
        type, naming the option."""
        return _from_dict(cls, data, "")


def differences(config: Config, other: Config) -> dict[str, Any]:
    """The options in which one configuration differs from another, with the first one's values."""
    values = dict(leaves(other))
    return {name: value for name, value in leaves(config) if value != values[name]}


def with_options(group: Group, values: Mapping[str, Any]) -> Group:
    """A configuration, or a group of its options, with other values for those of these names."""
    changed = {}
    for option in dataclasses.fields(typing.cast(Any, group)):
        value = getattr(group, option.name)
        if dataclasses.is_dataclass(value):
            changed[option.name] = with_options(value, values)
        elif option.name in values:
            changed[option.name] = values[option.name]
    return dataclasses.replace(typing.cast(Any, group), **changed)


def _from_dict(cls: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where or 'The configuration'} is {data!r}; it must be a group.")
    hints = typing.get_type_hints(cls)
    unknown, missing = sorted(set(data) - set(hints)), sorted(set(hints) - set(data))
    for what, names in (("unknown", unknown), ("missing", missing)):
        if names:
            raise ConfigError(
                f"The configuration has {what} options: {', '.join(where + n for n in names)}."
            )
    values = {name: _value(hint, data[name], where + name) for name, hint in hints.items()}
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _from_dict(typing.cast(type, hint), value, where + ".")
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is types.UnionType:
        return None if value is None else _value(arguments[0], value, where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where} is {value!r}; it must be one of {', '.join(arguments)}.")
    elif hint is float and type(value) is int:
        return float(value)
    elif type(value) is not hint:
        name = getattr(hint, "__name__", str(hint))
        raise ConfigError(f"{where} is {value!r}; it must be of type {name}.")
    return value
