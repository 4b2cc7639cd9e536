"""Function approximators: encoders, recurrent cores and actor-critics."""

from ._actor_critic import ActorCritic as ActorCritic
from ._actor_critic import Predictions as Predictions
from ._cores import LSTM as LSTM
from ._cores import AbstractRecurrentCore as AbstractRecurrentCore
from ._cores import Feedforward as Feedforward
from ._dense import MLP as MLP
from ._dense import Dense as Dense
from ._dense import orthogonal as orthogonal
from ._encoders import AbstractEncoder as AbstractEncoder
from ._encoders import FlatEncoder as FlatEncoder
from ._encoders import GridEncoder as GridEncoder
from ._lstm_scan import LSTMCarry as LSTMCarry
