"""A network that forgets everything at once."""

from jaxtyping import Array, Bool, Float, Key

from ._core import AbstractCore, AbstractRecurrentCore


class NoMemory(AbstractCore):
    """No memory: the heads read the encoder's features, and transitions are independent."""

    def init(self, input_size: int, *, key: Key[Array, ""]) -> "Passthrough":
        """There is nothing to draw."""
        del input_size, key
        return Passthrough()


class Passthrough(AbstractRecurrentCore[None]):
    """The output is the input."""

    @property
    def has_memory(self) -> bool:
        return False

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> None:
        del batch_shape

    def step(
        self, x: Float[Array, "*batch input"], memory: None, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch input"], None]:
        del reset
        return x, memory

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        memory: None,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch input"], None]:
        del resets
        return xs, memory
