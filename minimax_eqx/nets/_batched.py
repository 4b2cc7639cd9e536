"""Modules for one instance, and modules for any leading axes."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._types import PyTree


class AbstractBatched(eqx.Module):
    """A module that takes any leading axes `*batch`, and does so faster than `jax.vmap` would.

    You need this for speed only. An encoder or a head is else a module for one instance, such as an
    `eqx.nn.Sequential`, and the network maps it.
    """

    @abc.abstractmethod
    def __call__(self, x: PyTree) -> Float[Array, "*batch output"]:
        """`x` is one array or a PyTree of arrays, all with the leading axes `*batch`.

        The network calls it with `*batch` in a rollout and with `time *batch` in an update, so
        there may be any number of leading axes. Keep instances apart: each row of the output is
        what its own row of the input gives alone.
        """


def over_leading_axes(
    module: Callable[[PyTree], Array], num_axes: int
) -> Callable[[PyTree], Array]:
    """The module for inputs with `num_axes` leading axes."""
    if isinstance(module, AbstractBatched):
        return module
    for _ in range(num_axes):
        module = jax.vmap(module)
    return module
