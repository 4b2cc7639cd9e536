"""From observations to features."""

import abc
import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from .._types import PyTree
from ._dense import Dense, orthogonal
from ._observations import read_spec
from ._sizes import check_sizes

NUM_DIRECTIONS = 4
# MiniGrid's object codes reach 10; the reference divides all three channels by it.
CODE_SCALE = 10.0
KERNEL_SIZE = 3


class AbstractEncoder(eqx.Module):
    """Turns observations into feature vectors, for any leading axes."""

    @property
    @abc.abstractmethod
    def output_size(self) -> int:
        """Numbers in a feature vector."""

    @abc.abstractmethod
    def __call__(self, observation: PyTree) -> Float[Array, "*batch features"]:
        """`observation` is a PyTree of the environment's observations with leading axes `*batch`;
        the features have the same leading axes and `output_size` numbers."""


class AbstractProjectingEncoder(AbstractEncoder):
    """An encoder that knows a faster way to its features times a matrix, over a sequence."""

    @abc.abstractmethod
    def project(
        self, observations: PyTree, weight: Float[Array, "features output"]
    ) -> Float[Array, "time *batch output"]:
        """`self(observations) @ weight`, for observations with leading axes `time *batch`."""


@runtime_checkable
class DirectedView(Protocol):
    """What `GridEncoder` reads of an observation, such as `minimax_eqx.envs.maze`'s."""

    image: UInt8[Array, "*batch rows columns channels"]
    agent_dir: UInt8[Array, "*batch"]
    agent_pos: Int[Array, "*batch 2"] | None


class GridEncoder(AbstractEncoder):
    """The reference's student encoder: a 3x3 convolution of the view beside an embedded direction.

    The image's codes are divided by 10, convolved without padding, rectified and flattened; the
    direction picks a row of a table. A position in the observation is divided by `position_scale`
    and appended.
    """

    kernel: Float[Array, "taps filters"]
    bias: Float[Array, " filters"]
    embedding: Float[Array, "directions embedding"]
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    position_scale: int | None = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        observation_spec: PyTree[jax.ShapeDtypeStruct],
        *,
        num_filters: int = 16,
        embedding_size: int = 5,
        position_scale: int | None = None,
        key: Key[Array, ""],
    ) -> "GridEncoder":
        """Sizes the encoder for observations as `AbstractEnv.observation_spec` describes them.

        Raises `ValueError` if the observation has no `image` or no `agent_dir`, if the view is
        smaller than the kernel, if a count is less than 1, if the observation has a position but
        `position_scale` (the maze's larger side, say) is not given, and if it is given but the
        observation has no position.
        """
        check_sizes("GridEncoder", num_filters=num_filters, embedding_size=embedding_size)
        image, _ = read_spec(
            "GridEncoder",
            observation_spec,
            image=(3, "rows x columns x channels"),
            agent_dir=(0, "a direction from 0 to 3"),
        )
        rows, columns, channels = image.shape
        if min(rows, columns) < KERNEL_SIZE:
            raise ValueError(
                f"GridEncoder needs a view of at least {KERNEL_SIZE} x {KERNEL_SIZE} cells, "
                f"not {rows} x {columns}."
            )
        has_position = getattr(observation_spec, "agent_pos", None) is not None
        if has_position and position_scale is None:
            raise ValueError(
                "The observation includes the agent's position: give GridEncoder.create a "
                "position_scale to divide it by, such as the larger side of the maze."
            )
        if position_scale is not None:
            check_sizes("GridEncoder", position_scale=position_scale)
            if not has_position:
                raise ValueError(
                    f"GridEncoder: position_scale is {position_scale}, and the observation has no "
                    "`agent_pos` to be divided by it: leave it out, or make the maze with "
                    "include_position=True."
                )
        kernel_key, embedding_key = jax.random.split(key)
        taps = KERNEL_SIZE * KERNEL_SIZE * channels
        return cls(
            kernel=orthogonal(2**0.5)(kernel_key, (taps, num_filters)),
            bias=jnp.zeros(num_filters),
            embedding=orthogonal()(embedding_key, (NUM_DIRECTIONS, embedding_size)),
            image_shape=(rows, columns, channels),
            position_scale=position_scale if has_position else None,
        )

    @property
    def output_size(self) -> int:
        rows, columns, _ = self.image_shape
        windows = (rows - KERNEL_SIZE + 1) * (columns - KERNEL_SIZE + 1)
        position = 0 if self.position_scale is None else 2
        return windows * self.bias.size + self.embedding.shape[1] + position

    def __call__(self, observation: DirectedView) -> Float[Array, "*batch features"]:
        features = [self._convolve(observation.image), self.embedding[observation.agent_dir]]
        if self.position_scale is not None:
            assert observation.agent_pos is not None
            features.append(observation.agent_pos.astype(jnp.float32) / self.position_scale)
        return jnp.concatenate(features, axis=-1)

    def _convolve(
        self, image: UInt8[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch features"]:
        # One matrix product over gathered windows: for a single layer on a tiny image this is
        # several times faster on a CPU than a convolution, forward and backward.
        if image.shape[-3:] != self.image_shape:
            raise ValueError(
                f"GridEncoder was made for views of shape {self.image_shape} and got "
                f"{image.shape[-3:]}."
            )
        batch = image.shape[:-3]
        windows = image.reshape(*batch, -1)[..., window_indices(self.image_shape)]
        pixels = windows.astype(jnp.float32) / CODE_SCALE
        filtered = pixels @ self.kernel
        biased = filtered + jnp.broadcast_to(self.bias, filtered.shape)
        return jax.nn.relu(biased).reshape(*batch, -1)


class FlatEncoder(AbstractEncoder):
    """Flattens and joins all numbers of the observation, then one dense layer and tanh.

    For small observations of any form; integers are used as they are.
    """

    dense: Dense
    leaf_shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        observation_spec: PyTree[jax.ShapeDtypeStruct],
        *,
        output_size: int = 64,
        key: Key[Array, ""],
    ) -> "FlatEncoder":
        """Sizes the encoder for observations as `AbstractEnv.observation_spec` describes them.

        Raises `ValueError` for observations without numbers.
        """
        shapes = tuple(leaf.shape for leaf in jax.tree.leaves(observation_spec))
        input_size = sum(map(math.prod, shapes))
        check_sizes("FlatEncoder", output_size=output_size)
        if input_size < 1:
            raise ValueError(f"FlatEncoder: there are no numbers in {observation_spec}.")
        dense = Dense.create(input_size, output_size, init=orthogonal(2**0.5), key=key)
        return cls(dense, shapes)

    @property
    def output_size(self) -> int:
        return self.dense.bias.size

    def __call__(self, observation: PyTree) -> Float[Array, "*batch features"]:
        leaves = jax.tree.leaves(observation)
        shapes = [
            leaf.shape[leaf.ndim - len(shape) :]
            for leaf, shape in zip(leaves, self.leaf_shapes, strict=False)
        ]
        if len(leaves) != len(self.leaf_shapes) or shapes != list(self.leaf_shapes):
            raise ValueError(
                f"FlatEncoder was made for observations of shapes {self.leaf_shapes} and got "
                f"{tuple(leaf.shape for leaf in leaves)}."
            )
        flat = [
            leaf.reshape(*leaf.shape[: leaf.ndim - len(shape)], -1).astype(jnp.float32)
            for leaf, shape in zip(leaves, self.leaf_shapes, strict=True)
        ]
        return jnp.tanh(self.dense(jnp.concatenate(flat, axis=-1)))


def window_indices(image_shape: tuple[int, int, int]) -> Int[np.ndarray, "windows taps"]:
    indices = np.arange(math.prod(image_shape)).reshape(image_shape)
    windows = np.lib.stride_tricks.sliding_window_view(indices, (KERNEL_SIZE, KERNEL_SIZE), (0, 1))
    rows, columns, channels = windows.shape[:3]
    # sliding_window_view puts the window last; the kernel's order is (row, column, channel).
    return np.moveaxis(windows, 2, -1).reshape(rows * columns, KERNEL_SIZE**2 * channels)
