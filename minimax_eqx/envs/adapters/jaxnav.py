"""JaxMARL's JaxNav with one robot: drive to a goal by lidar, without touching walls.

The package is an extra: `pip install 'minimax_eqx[jaxnav]'`.
"""

from ._jaxnav_env import JaxNav
from ._jaxnav_level import JaxNavLevel, MapEdits
from ._jaxnav_maps import HandMadeMaps, RandomMaps

__all__ = ["HandMadeMaps", "JaxNav", "JaxNavLevel", "MapEdits", "RandomMaps"]


def __dir__() -> list[str]:
    return sorted(__all__)
