"""The options of a run, in groups; every name is unique."""

import dataclasses
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .._held_out_names import MAZE_PREFIX, MAZES, PANELS

CoreName = Literal["lstm", "gru", "s5", "lru", "none"]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the option."""


def leaves(group: Any) -> Iterator[tuple[str, Any]]:
    """The options of a group and the groups in it, as names and values; their names are unique in a
    configuration."""
    for option in dataclasses.fields(group):
        value = getattr(group, option.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value)
        else:
            yield option.name, value


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

    generator: Literal["random-walls", "perfect", "teacher"] = "random-walls"
    """Walls at random places, perfect mazes (odd sizes), or a teacher that learns; a run with a
    teacher is evaluated on random walls."""
    num_walls: int = 60
    """Walls to draw (random-walls)."""
    replace: bool = True
    """Draw wall cells with replacement (random-walls)."""
    sample_num_walls: bool = False
    """Draw the number of walls too, up to num-walls (random-walls, without replacement)."""


@dataclass(frozen=True)
class NetworkConfig:
    """The student's network."""

    core: CoreName = "lstm"
    """Memory: LSTM, GRU, S5, linear recurrent unit, or none."""
    hidden_size: int = 256
    """Width of the memory (all but none)."""
    num_core_layers: int = 2
    """Layers of the memory, and of a teacher's (s5, lru)."""
    num_blocks: int = 2
    """Blocks that the memory of a layer is cut into, a teacher's too (s5)."""
    layer_norm: Literal["pre", "post", "none"] = "post"
    """Where layers are normalised, a teacher's too (s5)."""
    num_filters: int = 16
    """Filters of the 3x3 convolution."""
    embedding_size: int = 5
    """Width of the direction's embedding."""
    head_size: int = 32
    """Width of the hidden layers of policy and value head."""
    num_head_layers: int = 1
    """Hidden layers of each head."""
    num_value_heads: int = 1
    """Value heads; more than one make an ensemble."""


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
    num_accumulation_steps: int = 1
    """Parts of a minibatch, one after another, to save memory."""
    clip_value_loss: bool = True
    """Clip the value loss too; else the Huber loss."""
    bootstrap_truncated: bool = False
    """At the time limit, count on the value of the last state instead of nothing."""


@dataclass(frozen=True)
class CurriculumConfig:
    """Which levels are played, and for how long."""

    method: Literal["dr", "level-replay", "sfl", "adversarial"] = "dr"
    """Domain randomisation, level replay (PLR, ACCEL, REPAIRED), sampling for learnability, or
    adversarial design (PAIRED, minimax)."""
    num_levels: int = 32
    """Levels of one kind played side by side in a cycle."""
    num_spare_levels: int = 15
    """Fresh levels that each play can go on with in a cycle when episodes end (dr)."""
    num_steps: int = 256
    """Environment steps of each play in a cycle."""
    num_trials: int = 1
    """Plays of the same level side by side."""
    num_students: int = 1
    """Size of the population."""
    track_level_metrics: bool = True
    """Measure the levels played."""


@dataclass(frozen=True)
class LevelReplayConfig:
    """The level buffer, and what is done with it (method level-replay)."""

    score: Literal[
        "max-mc",
        "l1-value-loss",
        "positive-value-loss",
        "value-disagreement",
        "learnability",
        "mean-return",
        "negative-return",
        "relative-regret",
        "mean-relative-regret",
        "population-regret",
    ] = "max-mc"
    """What makes a level worth replaying."""
    buffer_capacity: int = 4000
    """Levels that the buffer holds."""
    prioritisation: Literal["rank", "proportional", "top-k"] = "rank"
    """How scores become chances."""
    temperature: float = 0.3
    """The lower, the more high scores are preferred (rank, proportional)."""
    top_k: int = 100
    """How many of the highest scores are replayed (top-k)."""
    admission: Literal["least-likely", "lowest-score"] = "least-likely"
    """Which level of a full buffer a newcomer has to beat."""
    staleness_coef: float = 0.3
    """Share of replays that go by how long ago a level was played."""
    replay_prob: float = 0.5
    """Chance that a cycle replays levels instead of playing new ones; 1 if parallel."""
    min_fill_ratio: float = 0.5
    """Share of the buffer that is filled before anything is replayed."""
    robust: bool = True
    """Students learn from replayed levels only."""
    parallel: bool = False
    """New, replayed and mutated levels are played side by side in every cycle."""
    num_edits: int = 0
    """Edits that make a mutant of a replayed level (ACCEL); 0 for no mutants."""
    parents: Literal["batch", "easiest", "hardest"] = "batch"
    """Which replayed levels are edited."""
    num_parents: int = 4
    """How many of them (easiest, hardest)."""


@dataclass(frozen=True)
class SearchConfig:
    """The search for learnable levels (method sfl)."""

    num_candidates: int = 25_000
    """Random levels tried in a search."""
    num_plays: int = 8
    """Plays of each of them side by side; divides num-levels."""
    num_kept: int = 1000
    """How many of the most learnable levels are kept."""
    kept_share: float = 0.5
    """Share of a training cycle's levels that are drawn from those kept; the others are new."""
    num_training_cycles: int = 100
    """Cycles with an update between searches."""


@dataclass(frozen=True)
class TeacherConfig:
    """The teacher that designs levels (generator teacher)."""

    objective: Literal[
        "relative-regret", "mean-relative-regret", "population-regret", "negative-return"
    ] = "relative-regret"
    """What the teacher is paid (adversarial; level replay pays the level's score)."""
    teacher_num_walls: int = 60
    """Walls that the teacher places, or the most of them."""
    wall_budget: Literal["fixed", "first_action", "first_wall"] = "fixed"
    """What decides how many."""
    replace_collisions: bool = False
    """Put a wall that would go on another on a free cell."""
    choose_direction: bool = False
    """The teacher also chooses where the student looks at first."""
    noise_dim: int = 50
    """Random numbers that the teacher observes."""
    teacher_core: CoreName = "lstm"
    """Memory, as core."""
    teacher_hidden_size: int = 256
    """Width of the memory (all but none)."""
    teacher_num_filters: int = 128
    """Filters of the 3x3 convolution."""
    time_embedding_size: int = 10
    """Width of the time's embedding."""
    teacher_head_size: int = 32
    """Width of the hidden layers of policy and value head."""
    teacher_num_head_layers: int = 1
    """Hidden layers of each head."""
    teacher_learning_rate: float = 1e-4
    """Adam's step size."""
    teacher_anneal_steps: int = 0
    """Gradient steps over which the learning rate anneals to 0; 0 for never."""
    teacher_max_grad_norm: float = 0.5
    """The gradient's global norm is clipped to this."""
    teacher_discount: float = 0.995
    """Discount of rewards."""
    teacher_gae_lambda: float = 0.98
    """Lambda of generalised advantage estimation."""
    teacher_clip_range: float = 0.2
    """PPO's clip range."""
    teacher_value_loss_coef: float = 0.5
    """Weight of the value loss."""
    teacher_entropy_coef: float = 0.05
    """Weight of the entropy bonus."""
    teacher_num_epochs: int = 5
    """Passes over each cycle's designs."""
    teacher_num_minibatches: int = 1
    """Parts of each pass."""
    teacher_clip_value_loss: bool = True
    """Clip the value loss too; else the Huber loss."""


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
        known = (*PANELS, *MAZES)
        for name in self.mazes:
            if name not in PANELS and name.removeprefix(MAZE_PREFIX) not in MAZES:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise ConfigError(
                    f"There is no held-out maze or panel '{name}'.{hint} Known: {', '.join(known)}."
                )
