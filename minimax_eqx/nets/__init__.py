"""Networks: encoders, memories, heads, and distributions over actions.

Each kind has a part that you write into a configuration, with `init`, and weights that it makes.
"""

# A part that has a name on the command line alone.
from . import _nature_encoder as _nature_encoder
from ._actor_critic import ActorCritic as ActorCritic
from ._core import AbstractCell as AbstractCell
from ._core import AbstractCore as AbstractCore
from ._design_encoder import DesignEncoder as DesignEncoder
from ._encoder import AbstractEncoder as AbstractEncoder
from ._flat_encoder import FlatEncoder as FlatEncoder
from ._grid_encoder import GridEncoder as GridEncoder
from ._gru import GRU as GRU
from ._head import AbstractHead as AbstractHead
from ._head import MLPHead as MLPHead
from ._lru import LRU as LRU
from ._lstm import LSTM as LSTM
from ._no_memory import NoMemory as NoMemory
from ._s5 import S5 as S5
from ._tree_encoder import TreeEncoder as TreeEncoder

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "S5",
    "AbstractCell",
    "AbstractCore",
    "AbstractEncoder",
    "AbstractHead",
    "ActorCritic",
    "DesignEncoder",
    "FlatEncoder",
    "GridEncoder",
    "MLPHead",
    "NoMemory",
    "TreeEncoder",
]


def __dir__() -> list[str]:
    return sorted(__all__)
