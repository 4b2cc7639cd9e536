"""Types that several modules speak of, so that static checkers know them too."""

from typing import TYPE_CHECKING, Any, TypeAlias

from jaxtyping import Array, Float

# A number as it is written in a configuration. In a runner it is an array, so that another value
# compiles nothing, and in a sweep it is a tracer.
Scalar: TypeAlias = float | Float[Array, ""]

if TYPE_CHECKING:
    # A checker brings `typing_extensions` along. With a default, a class that is named without its
    # arguments is known all the same.
    from typing_extensions import TypeVar

    # Of jaxtyping's own a checker knows nothing, and so nothing of what is annotated with it.
    PyTree: TypeAlias = Any
    Blank = TypeVar("Blank", default=Any)
    Carry = TypeVar("Carry", default=Any)
    Level = TypeVar("Level", default=Any)
    Memory = TypeVar("Memory", default=Any)
    Observation = TypeVar("Observation", default=Any)
    Record = TypeVar("Record", default=Any)
    State = TypeVar("State", default=Any)
    World = TypeVar("World", default=Any)
else:
    from typing import TypeVar

    from jaxtyping import PyTree

    Blank = TypeVar("Blank")
    Carry = TypeVar("Carry")
    Level = TypeVar("Level")
    Memory = TypeVar("Memory")
    Observation = TypeVar("Observation")
    Record = TypeVar("Record")
    State = TypeVar("State")
    World = TypeVar("World")

__all__ = [
    "Blank",
    "Carry",
    "Level",
    "Memory",
    "Observation",
    "PyTree",
    "Record",
    "Scalar",
    "State",
    "World",
]
