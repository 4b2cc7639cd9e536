"""Policy and value in one network: encoder, memory and heads."""

import dataclasses
from collections.abc import Callable
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._ranges import check_at_least
from .._types import Memory, PyTree
from ..envs._actions import AbstractActionSpec
from ._action_head import AbstractActionHead, AbstractBoxPolicy, ClippedNormal, action_head
from ._batched import over_leading_axes
from ._core import (
    AbstractCell,
    AbstractCore,
    AbstractProjectedCore,
    AbstractRecurrentCore,
    MappedCell,
)
from ._dense import orthogonal
from ._encoder import AbstractEncoder, AbstractMeasuringEncoder, AbstractProjectingEncoder
from ._flat_encoder import FlatEncoder
from ._head import AbstractHead, MLPHead
from ._no_memory import NoMemory
from ._policy import AbstractNetwork, AbstractPolicy, Predictions

POLICY_OUTPUT_WEIGHT = 0.01


class ActorCritic(AbstractNetwork):
    """Encoder, memory, and separate heads for policy and value.

    The last layer of the policy starts with all weights at 0.01, so that the first policy is
    uniform, as in the reference.
    """

    encoder: AbstractEncoder = FlatEncoder()
    """How observations are read."""
    core: AbstractCore = NoMemory()
    """What is remembered from step to step."""
    head: AbstractHead = MLPHead()
    """The layers between the memory and the policy, and those to each value."""
    num_value_heads: int = 1
    """Independent values of the same features; more than 1 make an ensemble."""
    box: AbstractBoxPolicy = ClippedNormal()
    """The distribution of actions that are numbers between bounds; others do not use it."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_value_heads")

    def init(
        self, observation: PyTree, actions: AbstractActionSpec, *, key: Key[Array, ""]
    ) -> "ActorCriticWeights":
        """Draws the weights of all parts.

        Raises `ValueError` for an observation or actions that a part cannot work with, and for an
        encoder or a core of yours that does not give one vector.
        """
        encoder_key, core_key, head_key = jax.random.split(key, 3)
        encoder = self.encoder.init(observation, key=encoder_key)
        features = eqx.filter_eval_shape(lambda e, x: e(x), encoder, observation)
        input_size = _vector_size(self.encoder, features)
        core = self.core.init(input_size, key=core_key)
        core = MappedCell(core) if isinstance(core, AbstractCell) else core
        outputs = eqx.filter_eval_shape(_one_output, core, features)
        output_size = _vector_size(self.core, outputs)
        to_actions = action_head(actions, observation, self.box)
        policy_key, value_key = jax.random.split(head_key)
        policy = self.head.init(
            output_size,
            to_actions.num_outputs,
            output_init=jax.nn.initializers.constant(POLICY_OUTPUT_WEIGHT),
            key=policy_key,
        )

        def value_head(key):
            return self.head.init(output_size, 1, output_init=orthogonal(), key=key)

        value = eqx.filter_vmap(value_head)(jax.random.split(value_key, self.num_value_heads))
        return ActorCriticWeights(encoder, core, policy, value, to_actions)


class ActorCriticWeights(AbstractPolicy[Memory], Generic[Memory]):
    """The weights of an `ActorCritic`.

    `value` has a leading axis `value_head` on every array: independent heads on the same features.
    """

    encoder: Callable[[Any], Array]
    core: AbstractRecurrentCore[Memory]
    policy: Callable[[Any], Array]
    value: Callable[[Any], Array]
    to_actions: AbstractActionHead

    @property
    def has_memory(self) -> bool:
        return self.core.has_memory

    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> Memory:
        return self.core.initial_memory(batch_shape)

    def step(
        self, observation: PyTree, memory: Memory, reset: Bool[Array, "*batch"]
    ) -> tuple[Predictions, Memory]:
        features = over_leading_axes(self.encoder, reset.ndim)(observation)
        features, memory = self.core.step(features, memory, reset)
        return self._predict(features, observation), memory

    def scan(
        self, observations: PyTree, memory: Memory, resets: Bool[Array, "time *batch"]
    ) -> tuple[Predictions, Memory]:
        encoder, core = self.encoder, self.core
        if isinstance(encoder, AbstractProjectingEncoder) and isinstance(
            core, AbstractProjectedCore
        ):
            projected = encoder.project(observations, core.input_weight)
            features, memory = core.scan_projected(projected, memory, resets)
        else:
            features = over_leading_axes(encoder, resets.ndim)(observations)
            features, memory = core.scan(features, memory, resets)
        return self._predict(features, observations), memory

    def measured(
        self, observations: PyTree, weights: Float[Array, "time play"] | None
    ) -> "ActorCriticWeights[Memory] | None":
        if not isinstance(self.encoder, AbstractMeasuringEncoder):
            return None
        return dataclasses.replace(self, encoder=self.encoder.measured(observations, weights))

    def _predict(
        self, features: Float[Array, "*batch features"], observation: PyTree
    ) -> Predictions:
        num_axes = features.ndim - 1
        values = eqx.filter_vmap(
            lambda head, x: over_leading_axes(head, num_axes)(x), in_axes=(eqx.if_array(0), None)
        )(self.value, features)
        outputs = over_leading_axes(self.policy, num_axes)(features)
        distribution = self.to_actions(outputs, observation)
        return Predictions(distribution, jnp.moveaxis(values[..., 0], 0, -1))


def _one_output(core: AbstractRecurrentCore, features: Float[Array, " features"]) -> Any:
    return core.step(features, core.initial_memory(), jnp.zeros((), bool))[0]


def _vector_size(part: AbstractEncoder | AbstractCore, output: Any) -> int:
    """Raises `ValueError` if the part's weights do not give one vector of floats."""
    shape, dtype = getattr(output, "shape", ()), getattr(output, "dtype", jnp.int32)
    if len(shape) != 1 or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"ActorCritic: what {type(part).__name__}.init makes must give one vector of floats "
            f"for one instance; it gives {output}."
        )
    return shape[0]
