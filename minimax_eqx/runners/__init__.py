"""Rollouts, the training cycle, and evaluation."""

from ._episodes import EpisodeStatistics as EpisodeStatistics
from ._evaluation import EpisodeResults as EpisodeResults
from ._evaluation import Recording as Recording
from ._evaluation import evaluate as evaluate
from ._evaluation import record_episode as record_episode
from ._play import Play as Play
from ._play import Worlds as Worlds
from ._play import begin as begin
from ._play import load_worlds as load_worlds
from ._play import play_on as play_on
from ._rollout import rollout as rollout
from ._runner import Runner as Runner
from ._runner import level_metrics as level_metrics
from ._runner import run as run
