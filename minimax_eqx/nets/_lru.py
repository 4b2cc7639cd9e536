"""The linear recurrent unit (Orvieto et al. 2023, arXiv 2303.06349)."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ._dense import Dense, orthogonal
from ._sizes import check_sizes
from ._state_space import AbstractStateSpace, AbstractStateSpaceStack, LinearSystem, StateSpaceBlock


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
        r_min: float,
        r_max: float,
        max_phase: float,
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


class LRU(AbstractStateSpaceStack):
    """A stack of linear recurrent units with gates, residual connections and layer norms.

    The paper's block (figure 1): norm, linear recurrence, gated linear unit, skip connection.
    """

    projection: Dense | None
    blocks: tuple[StateSpaceBlock, ...]

    @classmethod
    def create(
        cls,
        input_size: int,
        width: int,
        *,
        num_modes: int | None = None,
        num_layers: int = 2,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        activation: str = "half_glu1",
        norm: str = "pre",
        key: Key[Array, ""],
    ) -> "LRU":
        """Initialised as in the paper.

        Each of `num_layers` layers has `width` outputs and `num_modes` complex numbers of memory
        (`width // 2` unless given, which is as many real numbers as the width). Eigenvalues start
        with a radius between `r_min` and `r_max` and a phase between 0 and `max_phase` radians; for
        long memories the paper raises `r_min` to 0.9 and above and lowers `max_phase`.
        `activation` and `norm` are those of `S5`; the paper's gate is `full_glu`, which takes a
        fifth more time. Inputs of another size than `width` first go through an orthogonal affine
        map.

        Raises `ValueError` for radii that do not make a ring inside the unit circle.
        """
        num_modes = width // 2 if num_modes is None else num_modes
        check_sizes(
            "LRU", input_size=input_size, width=width, num_modes=num_modes, num_layers=num_layers
        )
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(
                f"LRU: r_min is {r_min} and r_max {r_max}; choose 0 <= r_min < r_max <= 1."
            )
        if max_phase <= 0:
            raise ValueError(f"LRU: max_phase is {max_phase}; choose it above 0, up to 2 pi.")
        projection_key, *keys = jax.random.split(key, num_layers + 1)
        projection = None
        if input_size != width:
            projection = Dense.create(input_size, width, init=orthogonal(), key=projection_key)

        def layer(key):
            dynamics_key, gate_key = jax.random.split(key)
            dynamics = LRUDynamics.create(
                width, num_modes, r_min=r_min, r_max=r_max, max_phase=max_phase, key=dynamics_key
            )
            return StateSpaceBlock.create(
                dynamics, width, activation=activation, norm=norm, key=gate_key
            )

        return cls(projection, tuple(layer(key) for key in keys))
