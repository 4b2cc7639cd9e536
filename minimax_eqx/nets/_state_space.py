"""Residual stacks of diagonal linear systems: what S5 and the linear recurrent unit share."""

import abc
import math
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float, Key

from ._cores import AbstractRecurrentCore
from ._dense import Dense, product
from ._linear_recurrence import recurrence, recurrence_step

StackCarry: TypeAlias = tuple[Float[Array, "*batch state"], ...]

NORM_EPSILON = 1e-6
ACTIVATIONS = ("half_glu1", "half_glu2", "full_glu", "gelu")
NORMS = ("post", "pre", "none")

# So many rows of a sequence, steps times levels, go through all blocks before the next do on a CPU:
# what lies between two of their matrix products then stays in its caches.
ROWS_PER_CHUNK = 1024
KEPT = "product of a state-space stack"


def chunk_length(num_steps: int, batch_shape: tuple[int, ...]) -> int:
    """How many steps of a sequence to take at a time on this backend.

    All of them, or on a CPU an equal part, if there is one of a good size.
    """
    most = max(1, ROWS_PER_CHUNK // math.prod(batch_shape))
    if jax.default_backend() != "cpu" or most >= num_steps:
        return num_steps
    chunk = next(length for length in range(most, 0, -1) if num_steps % length == 0)
    return chunk if 2 * chunk >= most else num_steps


def _kept(y):
    """Marks what the pass back does not compute a second time."""
    return checkpoint_name(y, KEPT)


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
        return _kept(product(u, self.B))

    def output(
        self, h: Float[Array, "*batch state"], u: Float[Array, "*batch width"]
    ) -> Float[Array, "*batch width"]:
        """`h C + D u`."""
        return _kept(product(h, self.C)) + jnp.broadcast_to(self.D, u.shape) * u


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
    activation: str = eqx.field(static=True)

    @classmethod
    def create(cls, width: int, activation: str, *, key: Key[Array, ""]) -> "GatedActivation":
        """Weights start truncated normal with variance 1 / `width`, biases at zero."""
        value_key, gate_key = jax.random.split(key)
        init = jax.nn.initializers.lecun_normal()
        value = gate = None
        if activation == "full_glu":
            value = Dense.create(width, width, init=init, key=value_key)
        if activation != "gelu":
            gate = Dense.create(width, width, init=init, key=gate_key)
        return cls(value, gate, activation)

    def __check_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}."
            )

    def __call__(self, y: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        out = q = jax.nn.gelu(y)
        if self.gate is not None:
            passed = y if self.activation == "half_glu2" else q
            passed = passed if self.value is None else _kept(self.value(q))
            out = passed * jax.nn.sigmoid(_kept(self.gate(q)))
        return out


class StateSpaceBlock(eqx.Module):
    """`x + gate(system(x))`, with a layer norm on the branch's input (pre), on the sum (post) or
    nowhere (none)."""

    dynamics: AbstractStateSpace
    gate: GatedActivation
    layer_norm: LayerNorm | None
    norm: str = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        dynamics: AbstractStateSpace,
        width: int,
        *,
        activation: str,
        norm: str,
        key: Key[Array, ""],
    ) -> "StateSpaceBlock":
        """Puts a gate and a norm around `dynamics`, which reads and gives `width` numbers."""
        gate = GatedActivation.create(width, activation, key=key)
        return cls(dynamics, gate, None if norm == "none" else LayerNorm.create(width), norm)

    def __check_init__(self) -> None:
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; choose one of {', '.join(NORMS)}.")

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


class AbstractStateSpaceStack(AbstractRecurrentCore[StackCarry]):
    """Blocks one after another, after an affine map to their width where the input has another.

    The carry has one array per block: the complex memory as its real parts and then its imaginary
    parts.
    """

    projection: eqx.AbstractVar[Dense | None]
    blocks: eqx.AbstractVar[tuple[StateSpaceBlock, ...]]

    @property
    def output_size(self) -> int:
        return self.blocks[-1].dynamics.D.shape[-1]

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> StackCarry:
        sizes = (2 * block.dynamics.num_modes for block in self.blocks)
        return tuple(jnp.zeros((*batch_shape, size)) for size in sizes)

    def step(
        self, x: Float[Array, "*batch input"], carry: StackCarry, reset: Bool[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch width"], StackCarry]:
        x, last = self._project(x), []
        for block, before in zip(self.blocks, carry, strict=True):
            x, after = block.step(x, before, reset)
            last.append(after)
        return x, tuple(last)

    def scan(
        self,
        xs: Float[Array, "time *batch input"],
        carry: StackCarry,
        resets: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch width"], StackCarry]:
        chunk = chunk_length(len(resets), resets.shape[1:])
        if chunk == len(resets):
            return self._scan_at_once(xs, carry, resets)

        def body(carry, inputs):
            ys, carry = self._scan_at_once(inputs[0], carry, inputs[1])
            return carry, ys

        # What lies between the products is computed as fast as it is fetched from memory.
        policy = jax.checkpoint_policies.save_only_these_names(KEPT)
        body = jax.checkpoint(body, policy=policy, prevent_cse=False)
        in_chunks = jax.tree.map(lambda x: x.reshape(-1, chunk, *x.shape[1:]), (xs, resets))
        last, ys = jax.lax.scan(body, carry, in_chunks)
        return ys.reshape(-1, *ys.shape[2:]), last

    def _scan_at_once(self, xs, carry, resets):
        xs, last = self._project(xs), []
        for block, before in zip(self.blocks, carry, strict=True):
            xs, after = block.scan(xs, before, resets)
            last.append(after)
        return xs, tuple(last)

    def _project(self, x):
        return x if self.projection is None else _kept(self.projection(x))
