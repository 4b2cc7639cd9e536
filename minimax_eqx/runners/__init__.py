"""The training cycle, alone or as several members of one program."""

from .._xla._mesh import level_mesh as level_mesh
from .._xla._mesh import member_mesh as member_mesh
from ._members import member as member
from ._members import run_members as run_members
from ._schedule import Evaluation as Evaluation
from ._schedule import Schedule as Schedule

__all__ = [
    "Evaluation",
    "Schedule",
    "level_mesh",
    "member",
    "member_mesh",
    "run_members",
]


def __dir__() -> list[str]:
    return sorted(__all__)
