"""What happened: levels played, or designed, by an agent, and what came of it."""

from ._episodes import Episodes as Episodes
from ._evaluation import evaluate as evaluate
from ._evaluation import record_episode as record_episode
from ._evidence import Evidence as Evidence

__all__ = [
    "Episodes",
    "Evidence",
    "evaluate",
    "record_episode",
]


def __dir__() -> list[str]:
    return sorted(__all__)
