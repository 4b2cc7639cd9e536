"""Methods on mazes that differ in size.

All but the environment is that of the method of the same name on plain mazes.
"""

from typing import Any

from ...runners._experiment import Experiment
from ._reference import accel, dr

# As many walls for each cell as in mazes of 13 x 13.
_MIXED_SIZES = {"height": 15, "width": 15, "mixed_sizes": True}


def mixed_sizes_dr(**changes: Any) -> Experiment:
    """Domain randomisation of mazes from 5 x 5 to 15 x 15 cells."""
    return dr(**{**_MIXED_SIZES, "num_walls": 80, **changes})


def mixed_sizes_accel(**changes: Any) -> Experiment:
    """ACCEL on mazes from 5 x 5 to 15 x 15 cells, which are edited inside their size."""
    return accel(**{**_MIXED_SIZES, **changes})
