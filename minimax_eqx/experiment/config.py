"""What a run is made of, as typed plain data."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..envs.maze import held_out_names, panel_names

MAX_SEED = 2**32 - 1


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the option."""


@dataclass(frozen=True)
class EnvConfig:
    """The maze that the student plays."""

    height: int = 13
    """Cells from top to bottom, border excluded."""
    width: int = 13
    """Cells from left to right, border excluded."""
    view_size: int = 5
    """Side of the student's square view; odd."""
    max_episode_steps: int = 250
    """Time limit of an episode."""
    see_agent: bool = False
    """Show the agent in its own view."""
    see_through_walls: bool = True
    """If false, walls hide what is behind them, by MiniGrid's rule."""
    include_position: bool = False
    """Add the agent's position to the observation."""


@dataclass(frozen=True)
class LevelsConfig:
    """Where new levels come from."""

    generator: Literal["random-walls", "perfect"] = "random-walls"
    """Walls at random places, or perfect mazes (odd sizes)."""
    num_walls: int = 60
    """Walls to draw (random-walls)."""
    replace: bool = True
    """Draw wall cells with replacement (random-walls)."""
    sample_num_walls: bool = False
    """Draw the number of walls too, up to num-walls (random-walls, without replacement)."""


@dataclass(frozen=True)
class NetworkConfig:
    """The student's network."""

    core: Literal["lstm", "none"] = "lstm"
    """Memory: an LSTM, or none."""
    hidden_size: int = 256
    """Width of the memory."""
    num_filters: int = 16
    """Filters of the 3x3 convolution."""
    embedding_size: int = 5
    """Width of the direction's embedding."""
    head_size: int = 32
    """Width of the hidden layers of policy and value head."""
    num_head_layers: int = 1
    """Hidden layers of each head."""


@dataclass(frozen=True)
class PPOConfig:
    """The student's learner."""

    learning_rate: float = 1e-4
    """Adam's step size."""
    final_learning_rate: float | None = None
    """Where annealing ends (0 if not given)."""
    anneal_steps: int = 0
    """Gradient steps over which the learning rate anneals linearly; 0 for never."""
    max_grad_norm: float = 0.5
    """The gradient's global norm is clipped to this."""
    adam_epsilon: float = 1e-5
    """Adam's epsilon."""
    discount: float = 0.995
    """Discount of rewards, gamma."""
    gae_lambda: float = 0.98
    """Lambda of generalised advantage estimation."""
    clip_range: float = 0.2
    """PPO's clip range, epsilon."""
    value_loss_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 1e-3
    """Weight of the entropy bonus."""
    num_epochs: int = 5
    """Passes over each cycle's experience."""
    num_minibatches: int = 1
    """Parts of each pass."""
    clip_value_loss: bool = True
    """Clip the value loss too; else the Huber loss."""
    bootstrap_truncated: bool = False
    """At the time limit, count on the value of the last state instead of nothing."""


@dataclass(frozen=True)
class CurriculumConfig:
    """Which levels are played, and for how long."""

    method: Literal["dr"] = "dr"
    """Domain randomisation."""
    num_levels: int = 32
    """Levels played side by side in a cycle."""
    num_spare_levels: int = 15
    """Fresh levels that each play can go on with in a cycle when episodes end."""
    num_steps: int = 256
    """Environment steps of each play in a cycle."""
    num_trials: int = 1
    """Plays of the same level side by side."""
    num_students: int = 1
    """Size of the population."""
    track_level_metrics: bool = True
    """Measure the levels played."""


@dataclass(frozen=True)
class EvaluationConfig:
    """How a run is evaluated at its end, and by `evaluate`."""

    mazes: tuple[str, ...] = ("SixteenRooms", "Labyrinth", "StandardMaze")
    """Held-out mazes or panels, by name."""
    num_episodes: int = 10
    """Episodes of each held-out maze."""
    num_unseen_levels: int = 200
    """Unseen levels of the training distribution, one episode each."""
    greedy: bool = False
    """Take the likeliest action instead of sampling."""

    def check(self) -> None:
        """Raises `ConfigError` if there is no held-out maze or panel of a name."""
        known = (*panel_names(), *held_out_names())
        for name in self.mazes:
            if name not in panel_names() and name.removeprefix("Maze-") not in held_out_names():
                close = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise ConfigError(
                    f"There is no held-out maze or panel '{name}'.{hint} Known: {', '.join(known)}."
                )


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
    env: EnvConfig = field(default_factory=EnvConfig)
    levels: LevelsConfig = field(default_factory=LevelsConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def check(self) -> None:
        """Raises `ConfigError`, naming the option, for what the parts of a run do not check."""
        for name, value in _leaves(self):
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name} is {value}; it must be finite.")
        least = {
            "num_updates": 1,
            "log_every": 1,
            "checkpoint_every": 1,
            "keep_checkpoints": 1,
            "evaluate_every": 0,
            "num_students": 1,
            "num_episodes": 1,
            "num_unseen_levels": 1,
            **dict.fromkeys((f.name for f in dataclasses.fields(NetworkConfig)), 1),
        }
        for name, value in _leaves(self):
            if isinstance(value, int) and value < least.get(name, value):
                raise ConfigError(f"{name} is {value}; it must be at least {least[name]}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed is {self.seed}; it must be between 0 and {MAX_SEED}.")
        for name in ("checkpoint_every", "evaluate_every"):
            if getattr(self, name) % self.log_every != 0:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; it must be a multiple of log_every, "
                    f"which is {self.log_every}."
                )
        self.evaluation.check()

    def what_decides_the_state(self) -> dict[str, Any]:
        """The options that a saved state depends on, by name.

        The others (how long to train, when to log, save and evaluate) can be changed between the
        parts of a run.
        """
        groups = (self.env, self.levels, self.network, self.ppo, self.curriculum)
        return {"seed": self.seed} | dict(pair for group in groups for pair in _leaves(group))

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Config":
        """The inverse of `to_dict`. Raises `ConfigError` for what is missing, unknown or no such
        type, naming the option."""
        return _from_dict(cls, data, "")


def _leaves(group: Any) -> Iterator[tuple[str, Any]]:
    """The options of a group and the groups in it; their names are unique in a configuration."""
    for option in dataclasses.fields(group):
        value = getattr(group, option.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value)
        else:
            yield option.name, value


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
