"""Policy and value in one network: encoder, memory and heads."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._types import Carry, PyTree
from ._cores import AbstractProjectedCore, AbstractRecurrentCore
from ._dense import MLP, orthogonal
from ._encoders import AbstractEncoder, AbstractProjectingEncoder
from ._sizes import check_sizes

POLICY_OUTPUT_WEIGHT = 0.01


class Predictions(eqx.Module):
    """What an actor-critic says: unnormalised log-probabilities, and one value per value head."""

    logits: Float[Array, "*batch action"]
    values: Float[Array, "*batch value_head"]


class ActorCritic(eqx.Module, Generic[Carry]):
    """Encoder, recurrent core, and separate heads for policy and value.

    `value` has a leading axis `value_head` on every leaf: independent heads on the same features.
    """

    encoder: AbstractEncoder
    core: AbstractRecurrentCore[Carry]
    policy: MLP
    value: MLP

    @classmethod
    def create(
        cls,
        encoder: AbstractEncoder,
        core: AbstractRecurrentCore[Carry],
        num_actions: int,
        *,
        head_size: int = 32,
        num_head_layers: int = 1,
        num_value_heads: int = 1,
        key: Key[Array, ""],
    ) -> "ActorCritic[Carry]":
        """Puts heads on a core, initialised as in the reference.

        The last layer of the policy starts with all weights at 0.01, so that the first policy is
        uniform. `num_value_heads` above 1 makes an ensemble of values.

        Raises `ValueError` if a count is less than 1, and if the core cannot read what the encoder
        gives.
        """
        check_sizes(
            "ActorCritic",
            num_actions=num_actions,
            head_size=head_size,
            num_value_heads=num_value_heads,
        )
        if num_head_layers < 0:
            raise ValueError(
                f"ActorCritic: num_head_layers is {num_head_layers}; it must not be negative."
            )
        _check_core(encoder, core)
        policy_key, value_key = jax.random.split(key)
        policy = MLP.create(
            core.output_size,
            head_size,
            num_actions,
            num_hidden=num_head_layers,
            out_init=jax.nn.initializers.constant(POLICY_OUTPUT_WEIGHT),
            key=policy_key,
        )

        def value_head(key):
            return MLP.create(
                core.output_size,
                head_size,
                1,
                num_hidden=num_head_layers,
                out_init=orthogonal(),
                key=key,
            )

        value = eqx.filter_vmap(value_head)(jax.random.split(value_key, num_value_heads))
        return cls(encoder, core, policy, value)

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The memory at the start of an episode."""
        return self.core.initial_carry(batch_shape)

    def step(
        self, observation: PyTree, carry: Carry, reset: Bool[Array, "*batch"]
    ) -> tuple[Predictions, Carry]:
        """Reads one observation; where `reset` is true the memory is cleared first."""
        features, carry = self.core.step(self.encoder(observation), carry, reset)
        return self._predict(features), carry

    def scan(
        self, observations: PyTree, carry: Carry, resets: Bool[Array, "time *batch"]
    ) -> tuple[Predictions, Carry]:
        """Reads a sequence with leading axes `time *batch`; agrees with `step`."""
        encoder, core = self.encoder, self.core
        if isinstance(encoder, AbstractProjectingEncoder) and isinstance(
            core, AbstractProjectedCore
        ):
            projected = encoder.project(observations, core.input_weight)
            features, carry = core.scan_projected(projected, carry, resets)
        else:
            features, carry = core.scan(encoder(observations), carry, resets)
        return self._predict(features), carry

    def _predict(self, features: Float[Array, "*batch features"]) -> Predictions:
        values = eqx.filter_vmap(lambda head, x: head(x), in_axes=(eqx.if_array(0), None))(
            self.value, features
        )
        return Predictions(self.policy(features), jnp.moveaxis(values[..., 0], 0, -1))


def _check_core(encoder: AbstractEncoder, core: AbstractRecurrentCore) -> None:
    """Raises `ValueError` if the core does not read the encoder's features."""
    features = jax.ShapeDtypeStruct((encoder.output_size,), jnp.float32)
    reset = jax.ShapeDtypeStruct((), jnp.bool_)

    def step(core, features, reset):
        return core.step(features, core.initial_carry(), reset)[0]

    try:
        size = eqx.filter_eval_shape(step, core, features, reset).shape[-1]
    except (TypeError, ValueError) as error:
        reads = "cannot read them"
        if isinstance(core, AbstractProjectedCore):
            reads = f"reads {core.input_weight.shape[-2]}"
        raise _no_fit(encoder, core, reads) from error
    if size != core.output_size:
        raise _no_fit(encoder, core, f"says that it gives {core.output_size} and gives {size}")


def _no_fit(encoder: AbstractEncoder, core: AbstractRecurrentCore, what: str) -> ValueError:
    return ValueError(
        f"ActorCritic: the encoder {type(encoder).__name__} gives {encoder.output_size} numbers, "
        f"and the core {type(core).__name__} {what}. Make the core with the encoder's output_size, "
        f"{encoder.output_size}, as its input size."
    )
