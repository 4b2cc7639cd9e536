"""What a memory is: a part that makes it, and its weights for a batch or for one instance."""

import abc
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._types import Memory
from .._xla._product import product


class AbstractCell(eqx.Module, Generic[Memory]):
    """The weights of a memory, for one instance and one step.

    Nothing here knows batches, sequences or the ends of episodes: the network maps the cell, scans
    it, and starts each episode from `initial_memory`. An `eqx.nn.GRUCell` needs these few lines:

        class GRUMemory(AbstractCell):
            cell: eqx.nn.GRUCell

            def initial_memory(self):
                return jnp.zeros(self.cell.hidden_size)

            def __call__(self, x, memory):
                memory = self.cell(x, memory)
                return memory, memory
    """

    @abc.abstractmethod
    def initial_memory(self) -> Memory:
        """The memory at the start of an episode: a PyTree of arrays, which may be weights."""

    @abc.abstractmethod
    def __call__(
        self, x: Float[Array, " input"], memory: Memory
    ) -> tuple[Float[Array, " output"], Memory]:
        """Reads one input; returns the output and the new memory, with the structure of the old."""


class AbstractRecurrentCore(eqx.Module, Generic[Memory]):
    """The weights of a memory, for batches and whole sequences; faster than a mapped cell.

    Rollouts call `step`, learners call `scan`, and both begin with `initial_memory`. Where `reset`
    is true the memory is replaced by its initial value before the input of that step is read.
    `step` and `scan` must agree: scanning a sequence gives what stepping through it gives.
    """

    @property
    @abc.abstractmethod
    def has_memory(self) -> bool:
        """Whether an output depends on earlier inputs; learners ask when they cut minibatches."""

    @abc.abstractmethod
    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> Memory:
        """The memory at the start of an episode, with leading axes `batch_shape`."""

    @abc.abstractmethod
    def step(
        self, x: Float[Array, "*batch input"], memory: Memory, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch output"], Memory]:
        """Reads one input; returns the output and the new memory, with the structure of the old."""

    @abc.abstractmethod
    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        memory: Memory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Memory]:
        """Reads a sequence; returns the outputs and the memory after the last step."""


class AbstractCore(eqx.Module):
    """Configures what a network remembers from step to step.

    Derive from it and write `init` for a memory of your own.
    """

    @abc.abstractmethod
    def init(self, input_size: int, *, key: Key[Array, ""]) -> AbstractCell | AbstractRecurrentCore:
        """Draws the weights; the network calls it once, with the size of the encoder's features."""


class AbstractProjectedCore(AbstractRecurrentCore[Memory], Generic[Memory]):
    """A core that multiplies every input by a matrix first, which needs no memory.

    Over a sequence that is one product for all steps, and an encoder may know a faster way to it:
    see `AbstractProjectingEncoder`.
    """

    input_weight: eqx.AbstractVar[Float[Array, "input projected"]]

    @abc.abstractmethod
    def scan_projected(
        self,
        projected: Float[Array, "time *batch projected"],
        memory: Memory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Memory]:
        """`scan`, given the inputs multiplied by `input_weight`."""

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        memory: Memory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Memory]:
        return self.scan_projected(product(xs, self.input_weight), memory, resets)


class MappedCell(AbstractRecurrentCore[Memory], Generic[Memory]):
    """A cell for one instance, mapped over batches and scanned over time."""

    cell: AbstractCell[Memory]

    @property
    def has_memory(self) -> bool:
        return True

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> Memory:
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (*batch_shape, *jnp.shape(leaf))),
            self.cell.initial_memory(),
        )

    def step(
        self, x: Float[Array, "*batch input"], memory: Memory, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch output"], Memory]:
        def read(x, memory, reset):
            fresh = self.cell.initial_memory()
            memory = jax.tree.map(lambda new, old: jnp.where(reset, new, old), fresh, memory)
            return self.cell(x, memory)

        for _ in range(reset.ndim):
            read = jax.vmap(read)
        return read(x, memory, reset)

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        memory: Memory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Memory]:
        def body(memory, inputs):
            y, memory = self.step(inputs[0], memory, inputs[1])
            return memory, y

        memory, ys = jax.lax.scan(body, memory, (xs, resets))
        return ys, memory
