"""What every part is given."""

from dataclasses import dataclass

from ..timing import Limits, MatrixProduct
from .rows import Rows
from .sizes import Sizes


@dataclass(frozen=True)
class Session:
    """How a part measures, at which sizes, and where its rows go."""

    yardstick: MatrixProduct
    limits: Limits
    sizes: Sizes
    rows: Rows
