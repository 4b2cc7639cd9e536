"""Numbers between bounds, by name, and levels that are such numbers."""

import dataclasses
import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from ..._notebook import framed, heading, is_readable, never_fails, table
from ..._types import PyTree

SCALES = ("linear", "log")
# Of many levels a notebook shows the first.
_MOST_ROWS = 10


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A number that a level decides, such as a mass, with the range that it is from.

    `scale` says what counts as the same distance. On a linear one, 1 and 2 are as far apart as 9
    and 10. On a logarithmic one, 1 and 2 are as far apart as 5 and 10, which suits masses and
    lengths. Whatever draws, edits or widens levels goes by it. If `low` and `high` are equal, the
    parameter has that value in every level.

    Raises `ValueError` for an empty name, bounds that are not finite or the wrong way round, and a
    logarithmic scale that does not begin above 0.
    """

    name: str
    """What it is, `mass` for example."""
    low: float
    """The lower end of its range."""
    high: float
    """The upper end."""
    unit: str = ""
    """What it is measured in, for people."""
    scale: Literal["linear", "log"] = "linear"
    """What counts as the same distance between two values."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("Parameter.name is empty; name what it is, for example 'mass'.")
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(
                f"The parameter {self.name!r} is from {self.low} to {self.high}; both must be "
                "finite numbers."
            )
        if self.low > self.high:
            raise ValueError(
                f"The parameter {self.name!r} is from {self.low} to {self.high}; the lowest value "
                "comes first, and must not be above the highest."
            )
        if self.scale not in SCALES:
            raise ValueError(
                f"The scale of the parameter {self.name!r} is {self.scale!r}; it must be one of "
                f"{', '.join(SCALES)}."
            )
        if self.scale == "log" and self.low <= 0:
            raise ValueError(
                f"The parameter {self.name!r} is from {self.low} to {self.high}; on a logarithmic "
                "scale the lowest value must be above 0. Raise it, or use a linear scale."
            )

    @property
    def varies(self) -> bool:
        """Whether levels differ in it."""
        return self.low < self.high

    def described(self, value: float) -> str:
        """A value in words, such as `mass 0.5 kg`."""
        return f"{self.name} {value:.4g} {self.unit}".rstrip()


@dataclasses.dataclass(frozen=True)
class ParameterBox:
    """All parameters of an environment: the levels that there are.

    It is part of the structure of a level, so that generators, mutators and curricula read names,
    ranges and scales off it. They work in the *unit box*: each parameter as a number from 0 (its
    lowest value) to 1 (its highest), along its own scale.

    Raises `ValueError` if there is no parameter, or two have one name.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ValueError("ParameterBox.parameters is (); it must hold at least 1 parameter.")
        repeated = {name for name in self.names if self.names.count(name) > 1}
        if repeated:
            raise ValueError(
                f"ParameterBox.parameters has several of the name {', '.join(sorted(repeated))}; "
                "give each a name of its own."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def index(self, name: str) -> int:
        """The place of a parameter. Raises `ValueError`, with all names, for an unknown one."""
        if name not in self.names:
            raise ValueError(f"There is no parameter {name!r}; there are {', '.join(self.names)}.")
        return self.names.index(name)

    def bounds(self) -> tuple[Float[np.ndarray, " parameter"], Float[np.ndarray, " parameter"]]:
        """The lowest and the highest value of each parameter, in single precision."""
        low, high = zip(*((p.low, p.high) for p in self.parameters), strict=True)
        return np.asarray(low, np.float32), np.asarray(high, np.float32)

    def from_unit(self, places: Float[Array, " parameter"]) -> "ParameterLevel":
        """The level at a place of the unit box.

        What rounding moves out of a range is put back on its bound.
        """
        low, high = self.bounds()
        linear = low + places * (high - low)
        logarithmic = np.where(self._is_log, low, 1) * jnp.exp(places * self._log_widths)
        values = jnp.where(self._is_log, logarithmic, linear)
        return ParameterLevel(jnp.clip(values, low, high), self)

    def to_unit(self, level: "ParameterLevel") -> Float[Array, " parameter"]:
        """Where one level is in the unit box. A parameter that does not vary is at 0.5."""
        low, high = self.bounds()
        varies = low < high
        linear = (level.values - low) / np.where(varies, high - low, 1)
        widths = np.where(self._log_widths > 0, self._log_widths, 1)
        ratios = jnp.where(self._is_log, level.values / np.where(self._is_log, low, 1), 1)
        places = jnp.where(self._is_log, jnp.log(ratios) / widths, linear)
        return jnp.where(varies, jnp.clip(places, 0, 1), 0.5)

    def level(self, **values: float) -> "ParameterLevel":
        """The level with these values; parameters that are not given are in their middle.

        Raises `ValueError` for an unknown name and for a value outside its range.
        """
        level = self.from_unit(jnp.full(len(self.parameters), 0.5))
        for name, value in values.items():
            at = level.values.at[self.index(name)]
            level = ParameterLevel(at.set(value), self)
        level.check()
        return level

    def on(self, scale: Literal["linear", "log"]) -> "ParameterBox":
        """The same ranges, all on one scale.

        Raises `ValueError` for a logarithmic one if a range does not begin above 0.
        """
        return ParameterBox(tuple(dataclasses.replace(p, scale=scale) for p in self.parameters))

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """The structure of a level."""
        return jax.eval_shape(lambda: ParameterLevel(jnp.zeros(len(self.parameters)), self))

    @property
    def _is_log(self) -> np.ndarray:
        return np.asarray([p.scale == "log" for p in self.parameters])

    @property
    def _log_widths(self) -> np.ndarray:
        """How wide each logarithmic range is; 0 for the others."""
        widths = [math.log(p.high / p.low) if p.scale == "log" else 0 for p in self.parameters]
        return np.asarray(widths, np.float32)


class ParameterLevel(eqx.Module):
    """A level that is numbers: `level["mass"]` is the value of the parameter of that name."""

    values: Shaped[Array, "*batch parameter"]
    box: ParameterBox = eqx.field(static=True)

    def __getitem__(self, name: str) -> Float[Array, "*batch"]:
        """Raises `ValueError`, with all names, for a name that is not there."""
        return jnp.asarray(self.values)[..., self.box.index(name)]

    def check(self) -> None:
        """Raises `ValueError` unless every value is in its range, NaN included."""
        low, high = self.box.bounds()
        values = np.asarray(self.values)
        wrong = ~((values >= low) & (values <= high))
        for parameter, value, is_wrong in zip(
            self.box.parameters,
            np.moveaxis(values, -1, 0),
            np.moveaxis(wrong, -1, 0),
            strict=True,
        ):
            if np.any(is_wrong):
                raise ValueError(
                    f"{parameter.described(float(value[is_wrong].flat[0]))} is outside its range, "
                    f"from {parameter.low:g} to {parameter.high:g}. Choose a value in it, or give "
                    "the environment a wider range."
                )

    @never_fails
    def _repr_html_(self) -> str | None:
        """A table of one level's values, or of the first of many, for a notebook."""
        if not is_readable(self.values) or self.values.size == 0:
            return None
        many = np.asarray(self.values).reshape(-1, len(self.box.parameters))
        names = [f"{p.name} ({p.unit})" if p.unit else p.name for p in self.box.parameters]
        rows = [[f"{value:.4g}" for value in level] for level in many[:_MOST_ROWS]]
        count = f"{len(many)} levels" if self.values.ndim > 1 else "1 level"
        more = ["..."] if len(many) > _MOST_ROWS else []
        return framed(heading(count), table(names, [*rows, *([more] if more else [])]))

    def __str__(self) -> str:
        if not eqx.is_array_like(self.values) or jnp.ndim(self.values) != 1:
            return repr(self)
        pairs = zip(self.box.parameters, np.asarray(self.values), strict=True)
        return ", ".join(parameter.described(float(value)) for parameter, value in pairs)
