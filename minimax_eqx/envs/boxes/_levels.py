"""Where levels that are numbers come from: at random, by edits, and on a grid."""

import itertools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..._ranges import check_at_least, check_between
from ..._types import PyTree, Scalar
from .._env import AbstractEnv, AbstractLevelGenerator
from .._fixed import FixedLevels
from .._mutator import AbstractLevelMutator
from .._suite import AbstractSuite
from ._parameters import ParameterBox, ParameterLevel


class Uniform(AbstractLevelGenerator[ParameterLevel]):
    """Draws each parameter from its range, all places on its scale with the same chance.

    On a logarithmic scale, a value between 1 and 2 is therefore as likely as one between 5 and 10.

    Raises `ValueError` if `share` is not in [0, 1], and, with `scale="log"`, for a range that does
    not begin above 0.
    """

    share: Scalar = 1.0
    """Share of each range that is drawn from, around its middle: at 0 all levels are equal."""
    scale: Literal["own", "linear", "log"] = "own"
    """Linear draws all values with the same chance, and log all factors, in place of each
    parameter's own scale."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "share")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> ParameterLevel:
        box = box_of("Uniform", level)
        own = box if self.scale == "own" else box.on(self.scale)
        drawn = jax.random.uniform(key, (len(box.parameters),))
        places = 0.5 + self.share * (drawn - 0.5)
        return ParameterLevel(own.from_unit(places).values, box)


class GaussianEdits(AbstractLevelMutator[ParameterLevel]):
    """Adds normal noise to every parameter that varies, along its scale.

    A value that would leave its range is reflected at the bound: what would land 0.1 beyond it
    lands 0.1 before it. So no level is outside the box, and none sticks to its faces.

    Raises `ValueError` if `std` is negative.
    """

    std: Scalar = 0.1
    """Standard deviation of the noise, as a share of a parameter's range."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "std")

    def mutate(self, level: ParameterLevel, *, key: Key[Array, ""]) -> ParameterLevel:
        box = box_of("GaussianEdits", level)
        places = box.to_unit(level)
        return box.from_unit(reflected(places + self.std * jax.random.normal(key, places.shape)))


class Grid(AbstractSuite):
    """Tests on a regular grid of levels: one for each combination of values.

    For example, two values of each of three parameters are the eight corners of the box. Of each
    range the bounds are on the grid, and other values are evenly spread along its scale.

    Raises `ValueError` if `num_points` is less than 2, and for names that are repeated. A name that
    the environment does not have is refused before a run trains.
    """

    num_points: int = 2
    """Values of each parameter; 2 are its bounds."""
    names: tuple[str, ...] = ()
    """Parameters to combine, others staying in the middle of their ranges; none means all."""

    def __check_init__(self) -> None:
        check_at_least(self, 2, "num_points")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"Grid.names is {self.names}; name each parameter once.")

    def _grid(self, env: AbstractEnv) -> tuple[ParameterBox, list[int]]:
        """The box of the environment's levels, and the places of those parameters that vary."""
        box = box_of("Grid", env.level_spec())
        indices = [box.index(name) for name in self.names] or range(len(box.parameters))
        varying = [i for i in indices if box.parameters[i].varies]
        if self.num_points ** len(varying) > _MOST_TESTS:
            raise ValueError(
                f"A grid of {self.num_points} values of {len(varying)} parameters has "
                f"{self.num_points ** len(varying):,} tests; at most {_MOST_TESTS:,} are possible. "
                "Choose fewer parameters by names, or fewer num_points."
            )
        return box, varying

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        """One test for each place of the grid, named after its values.

        Raises `ValueError` for an environment whose levels are not numbers in a box, for a name
        that it does not have, and for more than 1,000 tests.
        """
        box, varying = self._grid(env)
        panels = {}
        for chosen in itertools.product(
            np.linspace(0, 1, self.num_points, dtype=np.float32), repeat=len(varying)
        ):
            places = np.full(len(box.parameters), 0.5, np.float32)
            places[varying] = chosen
            level = box.from_unit(jnp.asarray(places))
            values = np.asarray(level.values)
            name = ", ".join(box.parameters[i].described(float(values[i])) for i in varying)
            panels[name or "the only level"] = (
                env,
                FixedLevels(jax.tree.map(lambda leaf: leaf[None], level)),
            )
        return panels


_MOST_TESTS = 1000


def box_of(owner: str, level: PyTree) -> ParameterBox:
    """The box of a level, or of the structure of one.

    Raises `ValueError`, with the owner's name, for levels that are no numbers in a box.
    """
    if not isinstance(level, ParameterLevel):
        raise ValueError(
            f"{owner} needs levels that are numbers in a box, and these are "
            f"of type {type(level).__name__}. Use an environment such as CartPole, or one of yours "
            "that derives from boxes.AbstractBoxEnv."
        )
    return level.box


def reflected(places: Float[Array, " parameter"]) -> Float[Array, " parameter"]:
    """Numbers folded into [0, 1], as often as it takes."""
    return 1 - jnp.abs(1 - jnp.mod(places, 2))
