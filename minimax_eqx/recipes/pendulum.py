"""Methods on the pendulum with random length, mass and the like.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores.
Every function takes other parts and values by the short names that the command line has for them.
"""

from ..envs import boxes
from ._boxes import BoxRecipes

# The world is made when a recipe is used, and not before.
_METHODS = BoxRecipes(
    world=lambda: boxes.Pendulum(),  # noqa: PLW0108
    tests=("mass", "torque"),
    learning_rate=2e-3,
    entropy_coef=0.01,
    initial_std=1.0,
    narrow_at=0.2,
    widen_at=0.5,
)

dr = _METHODS.dr
robust_plr = _METHODS.robust_plr
plr = _METHODS.plr
accel = _METHODS.accel
adr = _METHODS.adr
alp_gmm = _METHODS.alp_gmm
doraemon = _METHODS.doraemon
self_paced = _METHODS.self_paced
