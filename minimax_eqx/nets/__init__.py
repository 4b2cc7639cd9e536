"""Networks: encoders, memories, heads, and distributions over actions.

Each kind has a part that you write into a configuration, with `init`, and weights that it makes.
"""

from ._action_head import AbstractBoxPolicy as AbstractBoxPolicy
from ._action_head import ClippedNormal as ClippedNormal
from ._action_head import SquashedNormal as SquashedNormal
from ._actor_critic import ActorCritic as ActorCritic
from ._batched import AbstractBatched as AbstractBatched
from ._core import AbstractCell as AbstractCell
from ._core import AbstractCore as AbstractCore
from ._core import AbstractRecurrentCore as AbstractRecurrentCore
from ._design_encoder import DesignEncoder as DesignEncoder
from ._distributions import AbstractDistribution as AbstractDistribution
from ._distributions import Categorical as Categorical
from ._distributions import MultiCategorical as MultiCategorical
from ._distributions import noise as noise
from ._encoder import AbstractEncoder as AbstractEncoder
from ._flat_encoder import FlatEncoder as FlatEncoder
from ._grid_encoder import GridEncoder as GridEncoder
from ._gru import GRU as GRU
from ._head import AbstractHead as AbstractHead
from ._head import MLPHead as MLPHead
from ._lru import LRU as LRU
from ._lstm import LSTM as LSTM
from ._no_memory import NoMemory as NoMemory
from ._policy import AbstractNetwork as AbstractNetwork
from ._policy import AbstractPolicy as AbstractPolicy
from ._policy import Predictions as Predictions
from ._s5 import S5 as S5

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "S5",
    "AbstractBatched",
    "AbstractBoxPolicy",
    "AbstractCell",
    "AbstractCore",
    "AbstractDistribution",
    "AbstractEncoder",
    "AbstractHead",
    "AbstractNetwork",
    "AbstractPolicy",
    "AbstractRecurrentCore",
    "ActorCritic",
    "Categorical",
    "ClippedNormal",
    "DesignEncoder",
    "FlatEncoder",
    "GridEncoder",
    "MLPHead",
    "MultiCategorical",
    "NoMemory",
    "Predictions",
    "SquashedNormal",
    "noise",
]


def __dir__() -> list[str]:
    return sorted(__all__)
