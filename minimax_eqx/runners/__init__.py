"""The training cycle, alone or as several members of one program."""

from .._xla._mesh import level_mesh as level_mesh
from .._xla._mesh import member_mesh as member_mesh
from ._experiment import Experiment as Experiment
from ._members import member as member
from ._members import run_members as run_members
from ._metrics import level_metrics as level_metrics
from ._runner import Runner as Runner
from ._runner import run as run
from ._saving import deserialise_leaf as deserialise_leaf
from ._saving import serialise_leaf as serialise_leaf

__all__ = [
    "Experiment",
    "Runner",
    "deserialise_leaf",
    "level_mesh",
    "level_metrics",
    "member",
    "member_mesh",
    "run",
    "run_members",
    "serialise_leaf",
]


def __dir__() -> list[str]:
    return sorted(__all__)
