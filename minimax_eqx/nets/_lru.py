"""The linear recurrent unit (Orvieto et al. 2023, arXiv 2303.06349)."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._ranges import check_at_least, check_below, check_between, check_positive
from .._types import Scalar
from ._core import AbstractCore
from ._state_space import AbstractStateSpace, Activation, LinearSystem, Norm, StateSpaceStack


class LRUDynamics(AbstractStateSpace):
    """`h = lambda h + exp(gamma_log) B u`, `y = Re(C h) + D u` in discrete time (section 3.3).

    `lambda = exp(-exp(nu_log) + i exp(theta_log))` cannot leave the unit disc. The last axis of `B`
    and `C` holds real and imaginary parts.
    """

    nu_log: Float[Array, " mode"]
    theta_log: Float[Array, " mode"]
    gamma_log: Float[Array, " mode"]
    B: Float[Array, "mode width 2"]
    C: Float[Array, "width mode 2"]
    D: Float[Array, " width"]

    @classmethod
    def create(
        cls,
        width: int,
        num_modes: int,
        *,
        r_min: Scalar,
        r_max: Scalar,
        max_phase: Scalar,
        key: Key[Array, ""],
    ) -> "LRUDynamics":
        """Eigenvalues start uniform on the ring between the radii (lemma 3.2)."""
        radius_key, phase_key, b_key, c_key, d_key = jax.random.split(key, 5)
        # Neither the squared radius nor one minus it may round to 0, which has no logarithm.
        smallest = float(jnp.finfo(jnp.float32).eps)
        u = jax.random.uniform(radius_key, (num_modes,), minval=smallest)
        shrinkage = (1 - r_max**2) + u * (r_max**2 - r_min**2)
        squared_radius = r_min**2 + (1 - u) * (r_max**2 - r_min**2)
        log_squared = jnp.where(shrinkage < 0.5, jnp.log1p(-shrinkage), jnp.log(squared_radius))
        phase = max_phase * jax.random.uniform(phase_key, (num_modes,), minval=smallest)
        return cls(
            nu_log=jnp.log(-0.5 * log_squared),
            theta_log=jnp.log(phase),
            # Keeps the memory's variance that of the input, whatever the radius.
            gamma_log=0.5 * jnp.log(shrinkage),
            B=jax.random.normal(b_key, (num_modes, width, 2)) / math.sqrt(2 * width),
            C=jax.random.normal(c_key, (width, num_modes, 2)) / math.sqrt(num_modes),
            D=jax.random.normal(d_key, (width,)),
        )

    @property
    def num_modes(self) -> int:
        return self.nu_log.shape[-1]

    def system(self) -> LinearSystem:
        magnitude, phase = jnp.exp(-jnp.exp(self.nu_log)), jnp.exp(self.theta_log)
        scaled = jnp.broadcast_to(jnp.exp(self.gamma_log)[:, None, None], self.B.shape) * self.B
        return LinearSystem(
            a=jnp.concatenate([magnitude * jnp.cos(phase), magnitude * jnp.sin(phase)]),
            B=jnp.concatenate([scaled[..., 0].T, scaled[..., 1].T], axis=-1),
            C=jnp.concatenate([self.C[..., 0].T, -self.C[..., 1].T]),
            D=self.D,
        )


class LRU(AbstractCore):
    """A stack of linear recurrent units with gates, residual connections and layer norms.

    The paper's block (figure 1): norm, linear recurrence, gated linear unit, skip connection.
    Inputs of another size than `hidden_size` first go through an orthogonal affine map.
    """

    hidden_size: int = 256
    """Numbers in the output of each layer."""
    num_layers: int = 2
    """Number of layers."""
    num_modes: int | None = None
    """Complex numbers in the memory of each layer; half of `hidden_size` unless given."""
    r_min: Scalar = 0.0
    """Smallest radius of an eigenvalue at the start; long memories want 0.9 and above."""
    r_max: Scalar = 1.0
    """Largest radius of an eigenvalue at the start, up to 1."""
    max_phase: Scalar = 2 * math.pi
    """Largest phase of an eigenvalue at the start, in radians; long memories want a small one."""
    norm: Norm = "pre"
    """Where a layer is normalised: after its skip connection, before its memory, or nowhere."""
    activation: Activation = "half_glu1"
    """What follows a layer's memory: GELU, alone or with one of three gates. The paper's is
    full_glu, which takes a fifth more time."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_layers", "num_modes")
        check_at_least(self, 1 if self.num_modes is not None else 2, "hidden_size")
        check_between(self, 0, 1, "r_min", "r_max")
        check_below(self, "r_min", "r_max")
        check_positive(self, "max_phase")

    def init(self, input_size: int, *, key: Key[Array, ""]) -> StateSpaceStack:
        """Weights start as in the paper."""
        num_modes = self.hidden_size // 2 if self.num_modes is None else self.num_modes
        return StateSpaceStack.create(
            lambda key: LRUDynamics.create(
                self.hidden_size,
                num_modes,
                r_min=self.r_min,
                r_max=self.r_max,
                max_phase=self.max_phase,
                key=key,
            ),
            input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            activation=self.activation,
            norm=self.norm,
            key=key,
        )
