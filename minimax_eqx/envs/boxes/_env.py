"""Environments whose levels are numbers."""

import abc
from typing import Generic

import jax
from jaxtyping import Array, Float

from ..._types import Observation, PyTree, State, World
from .._env import AbstractEnv
from ._parameters import Parameter, ParameterBox, ParameterLevel


class AbstractBoxEnv(
    AbstractEnv[ParameterLevel, World, State, Observation], Generic[World, State, Observation]
):
    """An environment whose levels are numbers between bounds: derive from it and list them.

    ```python
    class Boat(AbstractBoxEnv):
        current: tuple[float, float] = eqx.field(static=True, default=(0.0, 2.0))

        def parameters(self):
            return (Parameter("current", *self.current, unit="m/s"),)
    ```

    The rest is as for any environment, but `level_spec` and `level_metrics` are written already. A
    range is part of a level's structure, hence `static`: another range is another program.
    """

    @abc.abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """What the numbers of a level are, and the range of each."""

    @property
    def box(self) -> ParameterBox:
        """The levels that there are; `env.box.level(mass=0.5)` is one of them."""
        return ParameterBox(self.parameters())

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return self.box.level_spec()

    def level_metrics(self, level: ParameterLevel) -> dict[str, Float[Array, ""]]:
        """The value of each parameter that varies."""
        return {p.name: level[p.name] for p in self.parameters() if p.varies}
