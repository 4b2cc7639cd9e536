"""The training cycle, alone or as several members of one program."""

from .._xla._mesh import level_mesh as level_mesh
from .._xla._mesh import member_mesh as member_mesh
from ._experiment import Experiment as Experiment
from ._members import member as member
from ._members import run_members as run_members
from ._metrics import level_metrics as level_metrics
from ._runner import Runner as Runner
from ._runner import run as run
from ._saving import CheckpointError as CheckpointError
from ._saving import load as load
from ._saving import save as save
from ._schedule import Evaluation as Evaluation
from ._schedule import Schedule as Schedule

__all__ = [
    "CheckpointError",
    "Evaluation",
    "Experiment",
    "Runner",
    "Schedule",
    "level_mesh",
    "level_metrics",
    "load",
    "member",
    "member_mesh",
    "run",
    "run_members",
    "save",
]


def __dir__() -> list[str]:
    return sorted(__all__)
