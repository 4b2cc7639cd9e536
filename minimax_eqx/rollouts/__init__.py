"""Levels played by an agent, and levels designed by one."""

from ._play import Play as Play
from ._play import Worlds as Worlds
from ._play import begin as begin
from ._play import load_worlds as load_worlds
from ._play import play_on as play_on
from ._rollout import design as design
from ._rollout import rollout as rollout

__all__ = ["Play", "Worlds", "begin", "design", "load_worlds", "play_on", "rollout"]


def __dir__() -> list[str]:
    return sorted(__all__)
