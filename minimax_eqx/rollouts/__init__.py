"""What happened: levels played, or designed, by an agent, and what came of it."""

from ._episodes import Episodes as Episodes
from ._evaluation import EpisodeResults as EpisodeResults
from ._evaluation import Recording as Recording
from ._evaluation import evaluate as evaluate
from ._evaluation import record_episode as record_episode
from ._evidence import Evidence as Evidence
from ._play import Play as Play
from ._play import Worlds as Worlds
from ._play import begin as begin
from ._play import load_worlds as load_worlds
from ._play import play_on as play_on
from ._rollout import design as design
from ._rollout import rollout as rollout

__all__ = [
    "EpisodeResults",
    "Episodes",
    "Evidence",
    "Play",
    "Recording",
    "Worlds",
    "begin",
    "design",
    "evaluate",
    "load_worlds",
    "play_on",
    "record_episode",
    "rollout",
]


def __dir__() -> list[str]:
    return sorted(__all__)
