"""Residual stacks of diagonal linear systems: what S5 and the linear recurrent unit share."""

import abc
from collections.abc import Callable
from typing import Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._xla._chunks import kept, scan_in_chunks
from .._xla._linear_recurrence import recurrence, recurrence_step
from .._xla._product import product
from ._core import AbstractRecurrentCore
from ._dense import Dense, orthogonal

StackMemory: TypeAlias = tuple[Float[Array, "*batch state"], ...]

NORM_EPSILON = 1e-6
Activation: TypeAlias = Literal["half_glu1", "half_glu2", "full_glu", "gelu"]
Norm: TypeAlias = Literal["post", "pre", "none"]


class LinearSystem(eqx.Module):
    """`h = a h + u B`, `y = h C + D u` in discrete time.

    The axis `state` holds the real parts of the complex modes and then their imaginary parts.
    """

    a: Float[Array, " state"]
    B: Float[Array, "width state"]
    C: Float[Array, "state width"]
    D: Float[Array, " width"]

    def input(self, u: Float[Array, "*batch width"]) -> Float[Array, "*batch state"]:
        """`u B`."""
        return kept(product(u, self.B))

    def output(
        self, h: Float[Array, "*batch state"], u: Float[Array, "*batch width"]
    ) -> Float[Array, "*batch width"]:
        """`h C + D u`."""
        return kept(product(h, self.C)) + jnp.broadcast_to(self.D, u.shape) * u


class AbstractStateSpace(eqx.Module):
    """A parametrisation of a diagonal complex linear system."""

    D: eqx.AbstractVar[Float[Array, " width"]]

    @property
    @abc.abstractmethod
    def num_modes(self) -> int:
        """Complex numbers in the memory."""

    @abc.abstractmethod
    def system(self) -> LinearSystem:
        """The system in discrete time."""


class LayerNorm(eqx.Module):
    """Mean 0 and variance 1 over the last axis, then a scale and a bias (Ba et al. 2016)."""

    scale: Float[Array, " width"]
    bias: Float[Array, " width"]

    @classmethod
    def create(cls, width: int) -> "LayerNorm":
        """Starts with scale 1 and bias 0."""
        return cls(jnp.ones(width), jnp.zeros(width))

    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(centred**2, axis=-1, keepdims=True)
        normal = centred * jax.lax.rsqrt(variance + NORM_EPSILON)
        return normal * jnp.broadcast_to(self.scale, x.shape) + jnp.broadcast_to(self.bias, x.shape)


class GatedActivation(eqx.Module):
    """What follows a linear system: GELU (its tanh form) and a gate; `s` is the logistic function.

    With `q = gelu(y)`: `half_glu1` is `q s(gate(q))`, `half_glu2` is `y s(gate(q))`, `full_glu` is
    `value(q) s(gate(q))`, and `gelu` is `q`.
    """

    value: Dense | None
    gate: Dense | None
    activation: Activation = eqx.field(static=True)

    @classmethod
    def create(
        cls, width: int, activation: Activation, *, key: Key[Array, ""]
    ) -> "GatedActivation":
        """Weights start truncated normal with variance 1 / `width`, biases at zero."""
        value_key, gate_key = jax.random.split(key)
        init = jax.nn.initializers.lecun_normal()
        value = gate = None
        if activation == "full_glu":
            value = Dense.create(width, width, init=init, key=value_key)
        if activation != "gelu":
            gate = Dense.create(width, width, init=init, key=gate_key)
        return cls(value, gate, activation)

    def __call__(self, y: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        out = q = jax.nn.gelu(y)
        if self.gate is not None:
            passed = y if self.activation == "half_glu2" else q
            passed = passed if self.value is None else kept(self.value(q))
            out = passed * jax.nn.sigmoid(kept(self.gate(q)))
        return out


class StateSpaceBlock(eqx.Module):
    """`x + gate(system(x))`, with a layer norm on the branch's input (pre), on the sum (post) or
    nowhere (none)."""

    dynamics: AbstractStateSpace
    gate: GatedActivation
    layer_norm: LayerNorm | None
    norm: Norm = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        dynamics: AbstractStateSpace,
        width: int,
        *,
        activation: Activation,
        norm: Norm,
        key: Key[Array, ""],
    ) -> "StateSpaceBlock":
        """Puts a gate and a norm around `dynamics`, which reads and gives `width` numbers."""
        gate = GatedActivation.create(width, activation, key=key)
        return cls(dynamics, gate, None if norm == "none" else LayerNorm.create(width), norm)

    def step(
        self,
        x: Float[Array, "*batch width"],
        h: Float[Array, "*batch state"],
        reset: Bool[Array, "*batch"],
    ) -> tuple[Float[Array, "*batch width"], Float[Array, "*batch state"]]:
        """One step; returns the output and the memory."""
        system, u = self.dynamics.system(), self._branch_input(x)
        h = recurrence_step(system.a, system.input(u), h, reset)
        return self._output(x, system.output(h, u)), h

    def scan(
        self,
        xs: Float[Array, "time *batch width"],
        h: Float[Array, "*batch state"],
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch width"], Float[Array, "*batch state"]]:
        """All steps; returns the outputs and the last memory."""
        system, us = self.dynamics.system(), self._branch_input(xs)
        hs = recurrence(system.a, system.input(us), h, resets)
        return self._output(xs, system.output(hs, us)), hs[-1]

    def _branch_input(self, x):
        return self.layer_norm(x) if self.norm == "pre" and self.layer_norm is not None else x

    def _output(self, x, y):
        out = x + self.gate(y)
        return self.layer_norm(out) if self.norm == "post" and self.layer_norm is not None else out


class StateSpaceStack(AbstractRecurrentCore[StackMemory]):
    """Blocks one after another, after an affine map to their width where the input has another.

    The memory has one array per block: complex numbers as their real parts and then their imaginary
    parts.
    """

    projection: Dense | None
    blocks: tuple[StateSpaceBlock, ...]

    @property
    def has_memory(self) -> bool:
        return True

    @classmethod
    def create(
        cls,
        make_dynamics: Callable[[Key[Array, ""]], AbstractStateSpace],
        input_size: int,
        width: int,
        *,
        num_layers: int,
        activation: Activation,
        norm: Norm,
        key: Key[Array, ""],
    ) -> "StateSpaceStack":
        """Draws `num_layers` blocks around dynamics of `width`; a projection starts orthogonal."""
        projection_key, *keys = jax.random.split(key, num_layers + 1)
        projection = None
        if input_size != width:
            projection = Dense.create(input_size, width, init=orthogonal(), key=projection_key)

        def block(key):
            dynamics_key, gate_key = jax.random.split(key)
            dynamics = make_dynamics(dynamics_key)
            return StateSpaceBlock.create(
                dynamics, width, activation=activation, norm=norm, key=gate_key
            )

        return cls(projection, tuple(block(key) for key in keys))

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> StackMemory:
        sizes = (2 * block.dynamics.num_modes for block in self.blocks)
        return tuple(jnp.zeros((*batch_shape, size)) for size in sizes)

    def step(
        self, x: Float[Array, "*batch input"], memory: StackMemory, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch width"], StackMemory]:
        x, last = self._project(x), []
        for block, before in zip(self.blocks, memory, strict=True):
            x, after = block.step(x, before, reset)
            last.append(after)
        return x, tuple(last)

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        memory: StackMemory,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch width"], StackMemory]:
        return scan_in_chunks(self._scan_at_once, xs, memory, resets)

    def _scan_at_once(self, xs, memory, resets):
        xs, last = self._project(xs), []
        for block, before in zip(self.blocks, memory, strict=True):
            xs, after = block.scan(xs, before, resets)
            last.append(after)
        return xs, tuple(last)

    def _project(self, x):
        return x if self.projection is None else kept(self.projection(x))
