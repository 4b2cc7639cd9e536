from .._xla._mesh import level_mesh as level_mesh
from .._xla._mesh import member_mesh as member_mesh
from ._members import member as member
from ._members import run_members as run_members
from ._schedule import Evaluation as Evaluation
from ._schedule import Schedule as Schedule
from ._share import at_share as at_share
