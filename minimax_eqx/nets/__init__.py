"""Networks: encoders, memories, heads, and distributions over actions.

Each kind has a part that you write into a configuration, with `init`, and weights that it makes.
"""

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
from ._impala_encoder import ImpalaEncoder as ImpalaEncoder
from ._lru import LRU as LRU
from ._lstm import LSTM as LSTM
from ._nature_encoder import NatureEncoder as NatureEncoder
from ._no_memory import NoMemory as NoMemory
from ._normalised import Normalised as Normalised
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
    "ImpalaEncoder",
    "MLPHead",
    "NatureEncoder",
    "NoMemory",
    "Normalised",
    "TreeEncoder",
]


def __dir__() -> list[str]:
    return sorted(__all__)
