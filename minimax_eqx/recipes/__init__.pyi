from . import brax as brax
from . import cart_pole as cart_pole
from . import gymnax as gymnax
from . import jaxnav as jaxnav
from . import maze as maze
from . import pendulum as pendulum
from . import xland as xland
from ._small import small as small
