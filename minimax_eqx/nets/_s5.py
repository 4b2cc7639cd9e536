"""The S5 state-space model (Smith et al. 2023, arXiv 2208.04933), with resets (Lu et al. 2023)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Key

from .._ranges import check_at_least
from .._xla._linear_recurrence import complex_product
from ._core import AbstractCore
from ._state_space import AbstractStateSpace, Activation, LinearSystem, Norm, StateSpaceStack

MIN_STEP, MAX_STEP = 1e-3, 1e-1


class S5Dynamics(AbstractStateSpace):
    """`dx/dt = lambda x + B u`, `y = 2 Re(C x) + D u`, held constant over steps of `exp(log_step)`.

    Modes come in conjugate pairs, of which one each is stored; the last axis of `B` and `C` holds
    real and imaginary parts. Discretised (zero-order hold): `A = exp(lambda step)` and
    `(A - 1) / lambda B`.
    """

    lambda_re: Float[Array, " mode"]
    lambda_im: Float[Array, " mode"]
    B: Float[Array, "mode width 2"]
    C: Float[Array, "width mode 2"]
    D: Float[Array, " width"]
    log_step: Float[Array, " mode"]

    @classmethod
    def create(cls, width: int, num_blocks: int, *, key: Key[Array, ""]) -> "S5Dynamics":
        """`width` real numbers of memory in `num_blocks` equal blocks, each with HiPPO's modes.

        `B` and `C` are drawn in the basis of the states and turned into that of the modes; steps
        are log-uniform between 0.001 and 0.1.
        """
        modes, vectors = hippo_modes(width // num_blocks)
        lambdas = jnp.tile(jnp.asarray(modes, jnp.complex64), num_blocks)
        basis = jnp.asarray(np.kron(np.eye(num_blocks), vectors), jnp.complex64)
        b_key, c_key, d_key, step_key = jax.random.split(key, 4)
        # One matrix for the parts of C each, with the spread of the reference: 1 / width.
        init = jax.nn.initializers.variance_scaling(1 / width, "fan_in", "truncated_normal")
        c_re, c_im = (init(key, (width, width)) for key in jax.random.split(c_key))
        b = jax.nn.initializers.lecun_normal()(b_key, (width, width)).astype(jnp.complex64)
        return cls(
            lambda_re=lambdas.real,
            lambda_im=lambdas.imag,
            B=_parts(basis.conj().T @ b),
            C=_parts(jax.lax.complex(c_re, c_im) @ basis),
            D=jax.random.normal(d_key, (width,)),
            log_step=jax.random.uniform(
                step_key, (width // 2,), minval=np.log(MIN_STEP), maxval=np.log(MAX_STEP)
            ),
        )

    @property
    def num_modes(self) -> int:
        return self.log_step.shape[-1]

    def system(self) -> LinearSystem:
        step = jnp.exp(self.log_step)
        magnitude, angle = jnp.exp(self.lambda_re * step), self.lambda_im * step
        a_re, a_im = magnitude * jnp.cos(angle), magnitude * jnp.sin(angle)
        # (A - 1) / lambda, multiplied out by the conjugate of lambda.
        squared = self.lambda_re**2 + self.lambda_im**2
        scale = jnp.concatenate(
            [
                ((a_re - 1) * self.lambda_re + a_im * self.lambda_im) / squared,
                (a_im * self.lambda_re - (a_re - 1) * self.lambda_im) / squared,
            ]
        )
        b = jnp.concatenate([self.B[..., 0].T, self.B[..., 1].T], axis=-1)
        c = jnp.concatenate([2 * self.C[..., 0].T, -2 * self.C[..., 1].T])
        return LinearSystem(
            a=jnp.concatenate([a_re, a_im]),
            B=complex_product(jnp.broadcast_to(scale, b.shape), b),
            C=c,
            D=self.D,
        )


class S5(AbstractCore):
    """A stack of S5 layers with gates, residual connections and layer norms.

    Follows minimax's, which follows the S5 of Lu et al. 2023 (arXiv 2303.03982) for reinforcement
    learning. Inputs of another size than `hidden_size` first go through an orthogonal affine map.
    """

    hidden_size: int = 256
    """Numbers in the output and in the memory of each layer: a multiple of 2 * num_blocks."""
    num_blocks: int = 2
    """Parts of a layer's memory, which start with the same modes."""
    num_layers: int = 2
    """Number of layers."""
    norm: Norm = "post"
    """Where a layer is normalised: after its skip connection, before its memory, or nowhere."""
    activation: Activation = "half_glu1"
    """What follows a layer's memory: GELU, alone or with one of three gates."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "hidden_size", "num_blocks", "num_layers")
        if self.hidden_size % (2 * self.num_blocks) != 0:
            raise ValueError(
                f"S5.hidden_size is {self.hidden_size} and num_blocks is {self.num_blocks}; make "
                "the size a multiple of 2 * num_blocks, since the modes of a block come in "
                "conjugate pairs."
            )

    def init(self, input_size: int, *, key: Key[Array, ""]) -> StateSpaceStack:
        """Weights start as in the reference."""
        return StateSpaceStack.create(
            lambda key: S5Dynamics.create(self.hidden_size, self.num_blocks, key=key),
            input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            activation=self.activation,
            norm=self.norm,
            key=key,
        )


def hippo_modes(
    size: int,
) -> tuple[Complex[np.ndarray, " mode"], Complex[np.ndarray, "size mode"]]:
    """Eigenvalues and eigenvectors of the normal part of HiPPO-LegS (Smith et al. 2023, B.1.1).

    Of each conjugate pair the one with negative imaginary part, in ascending order of it: `size //
    2` modes. Their real part is -1/2.
    """
    n = np.arange(size)
    p = np.sqrt(1 + 2 * n)
    hippo = -(np.tril(np.outer(p, p)) - np.diag(n))
    q = np.sqrt(n + 0.5)
    normal = hippo + np.outer(q, q)
    imaginary, vectors = np.linalg.eigh(-1j * normal)
    half = size // 2
    return np.mean(np.diag(normal)) + 1j * imaginary[:half], vectors[:, :half]


def _parts(z: Complex[Array, "rows columns"]) -> Float[Array, "rows columns 2"]:
    return jnp.stack([z.real, z.imag], axis=-1)
