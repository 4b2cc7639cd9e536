"""From the outputs of a policy head to a distribution over the environment's actions."""

import abc
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._ranges import check_positive
from .._types import PyTree, Scalar
from ..envs import Box, Discrete, MultiDiscrete
from ..envs._actions import AbstractActionSpec
from ._distributions import AbstractDistribution, Categorical, MultiCategorical, masked
from ._normals import CensoredNormal, TanhNormal, centre_and_half_width
from ._observations import action_mask


class AbstractActionHead(eqx.Module):
    """Turns a policy head's outputs into a distribution; it may have weights of its own."""

    @property
    @abc.abstractmethod
    def num_outputs(self) -> int:
        """How many numbers the policy head must give."""

    @abc.abstractmethod
    def __call__(
        self, outputs: Float[Array, "*batch output"], observation: PyTree
    ) -> AbstractDistribution:
        """The distribution; the observation has the same leading axes as the outputs."""


class AbstractBoxPolicy(eqx.Module):
    """Configures which distribution a network has over the actions of a `Box`."""

    @abc.abstractmethod
    def init(self, actions: Box) -> AbstractActionHead:
        """Makes the weights; the network calls it once, and only where actions are a `Box`."""


class ClippedNormal(AbstractBoxPolicy):
    """A normal distribution that is clipped into the bounds, so actions on a bound are common.

    The mean depends on the observation. The standard deviation is a weight for each number.
    """

    initial_std: Scalar = 0.5
    """Standard deviation at the start, in halves of the distance between the bounds."""

    def __check_init__(self) -> None:
        check_positive(self, "initial_std")

    def init(self, actions: Box) -> "ClippedNormalHead":
        log_std = jnp.full(actions.shape, jnp.log(self.initial_std))
        return ClippedNormalHead(log_std, actions)


class SquashedNormal(AbstractBoxPolicy):
    """A normal distribution that is squashed into the bounds by tanh, so no action lies on a bound.

    The mean depends on the observation. The standard deviation is a weight for each number. It
    starts at 0.5, as Andrychowicz et al. 2021 (arXiv 2006.05990) recommend.
    """

    initial_std: Scalar = 0.5
    """Standard deviation at the start, before squashing, where the bounds are at about -1 and 1."""

    def __check_init__(self) -> None:
        check_positive(self, "initial_std")

    def init(self, actions: Box) -> "SquashedNormalHead":
        log_std = jnp.full(actions.shape, jnp.log(self.initial_std))
        return SquashedNormalHead(log_std, actions)


class ClippedNormalHead(AbstractActionHead):
    """The weights of a `ClippedNormal`."""

    log_std: Float[Array, "..."]
    box: Box = eqx.field(static=True)

    @property
    def num_outputs(self) -> int:
        return math.prod(self.box.shape)

    def __call__(
        self, outputs: Float[Array, "*batch output"], observation: PyTree
    ) -> CensoredNormal:
        del observation
        mean = outputs.reshape(*outputs.shape[:-1], *self.box.shape)
        centre, half_width = centre_and_half_width(self.box, mean.shape)
        log_std = jnp.broadcast_to(self.log_std, mean.shape) + jnp.log(half_width)
        return CensoredNormal(mean * half_width + centre, log_std, self.box)


class SquashedNormalHead(AbstractActionHead):
    """The weights of a `SquashedNormal`."""

    log_std: Float[Array, "..."]
    box: Box = eqx.field(static=True)

    @property
    def num_outputs(self) -> int:
        return math.prod(self.box.shape)

    def __call__(self, outputs: Float[Array, "*batch output"], observation: PyTree) -> TanhNormal:
        del observation
        mean = outputs.reshape(*outputs.shape[:-1], *self.box.shape)
        return TanhNormal(mean, jnp.broadcast_to(self.log_std, mean.shape), self.box)


class CategoricalHead(AbstractActionHead):
    """The outputs are logits of one choice."""

    actions: Discrete = eqx.field(static=True)

    @property
    def num_outputs(self) -> int:
        return self.actions.num_actions

    def __call__(self, outputs: Float[Array, "*batch action"], observation: PyTree) -> Categorical:
        if self.actions.masked:
            outputs = masked(outputs, action_mask(observation))
        return Categorical(outputs)


class MultiCategoricalHead(AbstractActionHead):
    """The outputs are logits of several choices at once."""

    actions: MultiDiscrete = eqx.field(static=True)

    @property
    def num_outputs(self) -> int:
        return sum(self.actions.nums)

    def __call__(
        self, outputs: Float[Array, "*batch all_actions"], observation: PyTree
    ) -> MultiCategorical:
        del observation
        return MultiCategorical(outputs, self.actions.nums)


def action_head(
    actions: AbstractActionSpec, observation: PyTree, box: AbstractBoxPolicy
) -> AbstractActionHead:
    """The head for these actions.

    Raises `ValueError` for actions that are not of a known kind, and for masked ones if the
    observation's structure has no mask of the right size.
    """
    if isinstance(actions, Box):
        return box.init(actions)
    if isinstance(actions, MultiDiscrete):
        return MultiCategoricalHead(actions)
    if isinstance(actions, Discrete):
        if actions.masked:
            _check_mask(actions, action_mask(observation))
        return CategoricalHead(actions)
    raise ValueError(
        f"ActorCritic: the actions are {actions}; they must be Discrete, MultiDiscrete or Box. For "
        "others write an AbstractNetwork."
    )


def _check_mask(actions: Discrete, mask: Any) -> None:
    expected = (actions.num_actions,)
    if mask is None or mask.shape != expected or mask.dtype != jnp.bool_:
        found = "has none" if mask is None else f"has one of {mask.dtype} and shape {mask.shape}"
        raise ValueError(
            f"ActorCritic: the actions are {actions}, so the observation must have an "
            f"`action_mask` of bool and shape {expected}; it {found}."
        )
