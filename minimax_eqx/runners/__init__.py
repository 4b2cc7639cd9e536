"""Rollouts, the training cycle, and evaluation."""

from .._mesh import level_mesh as level_mesh
from .._mesh import member_mesh as member_mesh
from ._episodes import EpisodeStatistics as EpisodeStatistics
from ._evaluation import EpisodeResults as EpisodeResults
from ._evaluation import Recording as Recording
from ._evaluation import evaluate as evaluate
from ._evaluation import record_episode as record_episode
from ._members import member as member
from ._members import run_members as run_members
from ._metrics import level_metrics as level_metrics
from ._runner import Runner as Runner
from ._runner import run as run
from ._saving import deserialise_leaf as deserialise_leaf
from ._saving import serialise_leaf as serialise_leaf

__all__ = [
    "EpisodeResults",
    "EpisodeStatistics",
    "Recording",
    "Runner",
    "deserialise_leaf",
    "evaluate",
    "level_mesh",
    "level_metrics",
    "member",
    "member_mesh",
    "record_episode",
    "run",
    "run_members",
    "serialise_leaf",
]


def __dir__() -> list[str]:
    return sorted(__all__)
