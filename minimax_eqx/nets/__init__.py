"""Function approximators: encoders, recurrent cores and actor-critics."""

from ._actor_critic import ActorCritic as ActorCritic
from ._actor_critic import Predictions as Predictions
from ._cores import LSTM as LSTM
from ._cores import AbstractProjectedCore as AbstractProjectedCore
from ._cores import AbstractRecurrentCore as AbstractRecurrentCore
from ._cores import Feedforward as Feedforward
from ._dense import MLP as MLP
from ._dense import Dense as Dense
from ._dense import orthogonal as orthogonal
from ._design_encoder import DesignEncoder as DesignEncoder
from ._encoders import AbstractEncoder as AbstractEncoder
from ._encoders import AbstractProjectingEncoder as AbstractProjectingEncoder
from ._encoders import FlatEncoder as FlatEncoder
from ._encoders import GridEncoder as GridEncoder
from ._gru import GRU as GRU
from ._lru import LRU as LRU
from ._lru import LRUDynamics as LRUDynamics
from ._lstm_scan import LSTMCarry as LSTMCarry
from ._s5 import S5 as S5
from ._s5 import S5Dynamics as S5Dynamics
from ._state_space import AbstractStateSpace as AbstractStateSpace
from ._state_space import AbstractStateSpaceStack as AbstractStateSpaceStack
from ._state_space import GatedActivation as GatedActivation
from ._state_space import LayerNorm as LayerNorm
from ._state_space import LinearSystem as LinearSystem
from ._state_space import StateSpaceBlock as StateSpaceBlock

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLP",
    "S5",
    "AbstractEncoder",
    "AbstractProjectedCore",
    "AbstractProjectingEncoder",
    "AbstractRecurrentCore",
    "AbstractStateSpace",
    "AbstractStateSpaceStack",
    "ActorCritic",
    "Dense",
    "DesignEncoder",
    "Feedforward",
    "FlatEncoder",
    "GatedActivation",
    "GridEncoder",
    "LRUDynamics",
    "LSTMCarry",
    "LayerNorm",
    "LinearSystem",
    "Predictions",
    "S5Dynamics",
    "StateSpaceBlock",
    "orthogonal",
]


def __dir__() -> list[str]:
    return sorted(__all__)
