"""Methods on the pendulum with random length, mass and the like.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores.
Every function takes other parts and values by the short names that the command line has for them.
"""

from ..envs import boxes
from ._boxes import BoxRecipes, Recipe

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

dr: Recipe = _METHODS.dr
robust_plr: Recipe = _METHODS.robust_plr
plr: Recipe = _METHODS.plr
accel: Recipe = _METHODS.accel
adr: Recipe = _METHODS.adr
alp_gmm: Recipe = _METHODS.alp_gmm
doraemon: Recipe = _METHODS.doraemon
self_paced: Recipe = _METHODS.self_paced
