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
