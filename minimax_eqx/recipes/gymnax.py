"""Methods on environments of gymnax, for which you need its extra: `minimax_eqx[gymnax]`.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores.
Every function takes other parts and values by the short names that the command line has for them.
"""

from .. import agents
from ..envs.adapters.gymnax import Gymnax
from ._boxes import BoxRecipes, Recipe

_LIMIT = 200  # steps, each of which pays 1


def _cart_pole() -> Gymnax:
    return Gymnax(
        name="CartPole-v1",
        varied=(  # around those of the classic cart-pole
            ("length", 0.1, 2.0),
            ("masspole", 0.05, 1.0),
            ("masscart", 0.5, 5.0),
            ("force_mag", 3.0, 20.0),
        ),
        max_episode_steps=_LIMIT,
    )


# Values are large, and if their loss were clipped they would take long to get there.
_CART_POLE = BoxRecipes(
    world=_cart_pole,
    tests=("length", "force_mag"),
    value_loss=agents.HuberValueLoss(),
    success_return=float(_LIMIT),
)

cart_pole_dr: Recipe = _CART_POLE.dr
cart_pole_robust_plr: Recipe = _CART_POLE.robust_plr
cart_pole_accel: Recipe = _CART_POLE.accel
