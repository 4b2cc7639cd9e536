"""How long a run on disk is, what it does on its way, and how it is evaluated."""

import re

import equinox as eqx

from .._ranges import check_at_least, check_between
from ..envs import AbstractLevelGenerator, AbstractSuite

MAX_SEED = 2**32 - 1
_NUMBER = r"(\d+(?:\.\d+)?)"
_TIME = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")


class Schedule(eqx.Module):
    """When a run logs, saves, evaluates and ends. None of it changes what is computed.

    Raises `ValueError`, naming the field, for intervals that do not fit together.
    """

    num_updates: int = 30_000
    """Updates of the students to train for; the log interval that reaches it is finished. With a
    budget the run ends at whichever is reached first."""
    budget: str | None = None
    """Time that the whole run may take, such as 90s, 30m or 1h30m, compiling and the evaluation at
    the end included; what anneals follows the share that is spent."""
    log_every: int = 10
    """Cycles between rows of metrics.csv, which are the cycles per compiled dispatch too; at most
    num-updates."""
    checkpoint_every: int = 1_000
    """Cycles between checkpoints; a multiple of log-every."""
    keep_checkpoints: int = 3
    """How many of the newest checkpoints are kept."""
    keep_best_checkpoints: int = 1
    """How many of those with the best evaluations are kept besides; if any, every evaluation on the
    way is of a checkpoint."""
    keep_checkpoint_every: int = 0
    """Cycles between checkpoints that are kept for good; 0 for none."""
    evaluate_every: int = 0
    """Cycles between evaluations on the way; a multiple of log-every, 0 for at the end only."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_updates", "log_every", "checkpoint_every", "keep_checkpoints")
        check_at_least(self, 0, "keep_best_checkpoints", "keep_checkpoint_every", "evaluate_every")
        if self.budget_seconds == 0:
            raise ValueError(
                f"budget is {self.budget!r}; it must be a time above 0 in hours, minutes and "
                "seconds, such as 90s, 30m, 2h or 1h30m."
            )
        if self.log_every > self.num_updates:
            raise ValueError(
                f"log_every is {self.log_every}; it must be at most num_updates, which is "
                f"{self.num_updates}, since a log interval is always finished: lower log_every too."
            )
        for name in ("checkpoint_every", "evaluate_every"):
            if getattr(self, name) % self.log_every != 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be a multiple of log_every, "
                    f"which is {self.log_every}."
                )

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds; None if there is none, and 0 for what is no time."""
        if self.budget is None:
            return None
        found = _TIME.fullmatch(str(self.budget))
        hours, minutes, seconds = [float(n or 0) for n in found.groups()] if found else [0.0] * 3
        return 3600 * hours + 60 * minutes + seconds


class Evaluation(eqx.Module):
    """What a run is evaluated on, at its end and by `evaluate`."""

    suite: AbstractSuite | None = None
    """Tests that training never plays."""
    num_episodes: int = 10
    """Episodes of each level of the suite."""
    num_unseen_levels: int = 200
    """Unseen levels of the training distribution, one episode each."""
    unseen: AbstractLevelGenerator | None = None
    """What draws the unseen levels; the curriculum's own generator if it is none."""
    greedy: bool = False
    """Take the likeliest action instead of sampling."""
    seed: int | None = None
    """Seed of the levels and of all chance; the run's own if it is none. Runs with the same one are
    tested on the same levels, and another one gives a second, independent set."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_episodes", "num_unseen_levels")
        if self.seed is not None:
            check_between(self, 0, MAX_SEED, "seed")
