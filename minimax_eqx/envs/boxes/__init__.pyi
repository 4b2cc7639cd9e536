from ._cart_pole import CartPole as CartPole
from ._env import AbstractBoxEnv as AbstractBoxEnv
from ._levels import GaussianEdits as GaussianEdits
from ._levels import Grid as Grid
from ._levels import Uniform as Uniform
from ._parameters import Parameter as Parameter
from ._pendulum import Pendulum as Pendulum
