"""What sources of levels that are numbers have in common: they choose places of the unit box."""

import abc
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._types import Memory, PyTree, State
from ..envs.boxes._levels import box_of
from ..envs.boxes._parameters import ParameterBox, ParameterLevel
from ._level_source import AbstractLevelSource
from ._level_spec import LevelSpec


class BoxSourceState(eqx.Module, Generic[State]):
    """What a source of such levels has learned, and what its levels look like."""

    learned: State
    level_spec: LevelSpec


class AbstractBoxSource(
    AbstractLevelSource[ParameterLevel, BoxSourceState[State], PyTree], Generic[State, Memory]
):
    """A source of levels that are numbers in a box, for environments such as `CartPole`.

    A *place* holds a number from 0 to 1 for each parameter that varies, along its scale. Choose
    places and learn from what they were worth; names, units and ranges are looked after here. No
    level is outside the box, whatever you choose.
    """

    @abc.abstractmethod
    def begin(self, num_parameters: int, *, key: Key[Array, ""]) -> State:
        """The first state, for `num_parameters` parameters that vary."""

    @abc.abstractmethod
    def choose(
        self, state: State, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, "level parameter"], Memory]:
        """Chooses places, each number in [0, 1]; the memory is given back to `update`."""

    @abc.abstractmethod
    def update(
        self,
        state: State,
        places: Float[Array, "level parameter"],
        memory: Memory,
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[State, Metrics]:
        """Learns what the levels at these places were worth.

        A metric with an axis `parameter` is a place. It is shown in the parameters' own units, a
        number for each, such as `gravity_low` for the metric `low`.
        """

    def init(
        self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]
    ) -> BoxSourceState[State]:
        name = type(self).__name__
        num_parameters = len(_varying(box_of(name, level)))
        if num_parameters == 0:
            raise ValueError(
                f"{name}: no parameter of the environment varies; give one a range of more than "
                "one value."
            )
        return BoxSourceState(self.begin(num_parameters, key=key), LevelSpec.of(level))

    def draw(
        self, state: BoxSourceState[State], num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[ParameterLevel, PyTree]:
        places, memory = self.choose(state.learned, num_levels, key=key)
        box = state.level_spec.level.box
        return jax.vmap(lambda place: _level_at(box, place))(places), (places, memory)

    def learn(
        self,
        state: BoxSourceState[State],
        memory: PyTree,
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[BoxSourceState[State], Metrics]:
        places, chosen = memory
        learned, measured = self.update(state.learned, places, chosen, payoffs, key=key)
        box = state.level_spec.level.box
        metrics = {}
        for name, value in measured.items():
            if value.ndim == 0:
                metrics[name] = value
                continue
            level = _level_at(box, value)
            for parameter in [p for p in box.parameters if p.varies]:
                metrics[f"{parameter.name}_{name}"] = level[parameter.name]
        return BoxSourceState(learned, state.level_spec), metrics


def _varying(box: ParameterBox) -> list[int]:
    return [i for i, parameter in enumerate(box.parameters) if parameter.varies]


def _level_at(box: ParameterBox, place: Float[Array, " parameter"]) -> ParameterLevel:
    middle = jnp.full(len(box.parameters), 0.5)
    return box.from_unit(middle.at[np.array(_varying(box))].set(place))
