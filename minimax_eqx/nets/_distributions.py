"""Distributions over actions, for any leading axes `*batch`.

They are written here because none of the packages that this one needs (JAX, Equinox, Optax,
jaxtyping, beartype) has any, and a library of distributions for four of them would be the largest
dependency.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._types import PyTree
from ..envs import Box, Discrete, MultiDiscrete
from ..envs._actions import AbstractActionSpec


class AbstractDistribution(eqx.Module):
    """A distribution over actions, of which a network's `Predictions` have one.

    All arrays have the leading axes `*batch`, so that a distribution can be sliced and stacked with
    `jax.tree.map`. Rollouts and learners know these methods and nothing else of it: rollouts call
    `sample` and `log_prob`, greedy evaluations `mode`, and losses the others.
    """

    @abc.abstractmethod
    def sample(self, noise: Float[Array, "..."]) -> PyTree[Array]:
        """The action that this noise stands for; `noise` makes it, for a whole rollout at once."""

    @abc.abstractmethod
    def mode(self) -> PyTree[Array]:
        """The action to take without noise, as in a greedy evaluation."""

    @abc.abstractmethod
    def log_prob_and_entropy(
        self, action: PyTree[Array]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """What `log_prob` and `entropy` give, together.

        They are one method since a loss needs both, and what they have in common, its gradient
        too, is then computed once.
        """

    @abc.abstractmethod
    def kl(self, other: Any) -> Float[Array, "*batch"]:
        """The Kullback-Leibler divergence of this one from `other`, of the same class: the mean of
        `log_prob - other.log_prob` over samples of this one."""

    def log_prob(self, action: PyTree[Array]) -> Float[Array, "*batch"]:
        """The logarithm of the probability, or of the density, of an action that was sampled."""
        return self.log_prob_and_entropy(action)[0]

    def entropy(self) -> Float[Array, "*batch"]:
        """The mean of `-log_prob` over samples."""
        return self.log_prob_and_entropy(self.mode())[1]


class Categorical(AbstractDistribution):
    """One of several choices, with unnormalised log-probabilities.

    A choice that is impossible has a logit of -1e9: see `masked`.
    """

    logits: Float[Array, "*batch action"]
    """Log-probabilities of the choices, plus any constant."""

    def sample(self, noise: Float[Array, "*batch action"]) -> Int[Array, "*batch"]:
        """The largest sum of a logit and Gumbel noise is a sample."""
        return _argmax(self.logits + noise)

    def mode(self) -> Int[Array, "*batch"]:
        return _argmax(self.logits)

    def log_prob_and_entropy(
        self, action: Int[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        log_policy = jax.nn.log_softmax(self.logits)
        log_prob = jnp.take_along_axis(log_policy, action[..., None], axis=-1)[..., 0]
        return log_prob, -jnp.sum(jnp.exp(log_policy) * log_policy, axis=-1)

    def kl(self, other: "Categorical") -> Float[Array, "*batch"]:
        log_policy, others = (jax.nn.log_softmax(logits) for logits in (self.logits, other.logits))
        return jnp.sum(jnp.exp(log_policy) * (log_policy - others), axis=-1)


# Finite, so that 0 times its logarithm is 0, and so far down that no noise lifts it up.
IMPOSSIBLE = -1e9


def masked(logits: Float[Array, "*batch action"], possible: Any) -> Float[Array, "*batch action"]:
    """The logits, with those of impossible choices so low that nothing samples them."""
    return jnp.where(possible, logits, IMPOSSIBLE)


class MultiCategorical(AbstractDistribution):
    """Several independent choices at once: the first `nums[0]` logits are those of place 0, and so
    on."""

    logits: Float[Array, "*batch all_actions"]
    """The logits of all places, one place after another."""
    nums: tuple[int, ...] = eqx.field(static=True)
    """How many choices each place has."""

    def sample(self, noise: Float[Array, "*batch all_actions"]) -> Int[Array, "*batch place"]:
        parts = zip(self._places(), _split(noise, self.nums), strict=True)
        return jnp.stack([place.sample(part) for place, part in parts], axis=-1)

    def mode(self) -> Int[Array, "*batch place"]:
        return jnp.stack([place.mode() for place in self._places()], axis=-1)

    def log_prob_and_entropy(
        self, action: Int[Array, "*batch place"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        places = enumerate(self._places())
        of_places = [place.log_prob_and_entropy(action[..., i]) for i, place in places]
        log_probs, entropies = map(jnp.stack, zip(*of_places, strict=True))
        return jnp.sum(log_probs, axis=0), jnp.sum(entropies, axis=0)

    def kl(self, other: "MultiCategorical") -> Float[Array, "*batch"]:
        pairs = zip(self._places(), other._places(), strict=True)
        return sum((place.kl(others) for place, others in pairs), jnp.zeros(()))

    def _places(self) -> list[Categorical]:
        return [Categorical(part) for part in _split(self.logits, self.nums)]


def _argmax(x: Float[Array, "*batch action"]) -> Int[Array, "*batch"]:
    """An action as an environment takes it: `jnp.argmax` gives int64 if JAX is set to 64 bits."""
    return jnp.argmax(x, axis=-1).astype(jnp.int32)


def _split(x: Float[Array, "*batch all_actions"], nums: tuple[int, ...]) -> list[Array]:
    ends = [sum(nums[: place + 1]) for place in range(len(nums))]
    return jnp.split(x, ends[:-1], axis=-1)


def noise(
    actions: AbstractActionSpec, shape: tuple[int, ...], *, key: Key[Array, ""]
) -> Float[Array, "..."]:
    """What `AbstractDistribution.sample` needs, with leading axes `shape`, such as `time level`.

    Rollouts draw it before their loop: one large draw costs less than one in each step. It is
    Gumbel noise for each choice of a `Discrete` or `MultiDiscrete`, and normal noise for each
    number of a `Box`.

    Raises `ValueError` for actions of another kind.
    """
    if isinstance(actions, Discrete):
        return jax.random.gumbel(key, (*shape, actions.num_actions))
    if isinstance(actions, MultiDiscrete):
        return jax.random.gumbel(key, (*shape, sum(actions.nums)))
    if isinstance(actions, Box):
        return jax.random.normal(key, (*shape, *actions.shape), jnp.float32)
    raise ValueError(
        f"noise: the actions are {actions}; they must be Discrete, MultiDiscrete or Box."
    )
