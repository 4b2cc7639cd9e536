"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

import dataclasses
from collections.abc import Callable
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Carry, PyTree
from .._xla._filtered import filter_scan
from .._xla._mesh import split_levels
from ..nets import ActorCritic, Feedforward, Predictions
from ._advantage import generalised_advantages
from ._agent import AbstractAgent, Estimates, Trajectory
from ._optimiser import few_arrays, set_learning_rate
from ._ppo_loss import PPOBatch, normalise, ppo_loss


def _scalar(value: Any) -> Float[Array, ""]:
    return jnp.asarray(value, jnp.float32)


class PPO(AbstractAgent[Carry], Generic[Carry]):
    """An actor-critic and its PPO learner, as one module; make it with `PPO.create`.

    Numbers that one may sweep are arrays: setting them does not recompile, and `vmap` over them
    trains a sweep. What changes the program is static.
    """

    network: ActorCritic[Carry]
    optimiser_state: PyTree
    num_updates: Int[Array, ""]
    discount: Float[Array, ""] = eqx.field(converter=_scalar)
    gae_lambda: Float[Array, ""] = eqx.field(converter=_scalar)
    clip_range: Float[Array, ""] = eqx.field(converter=_scalar)
    value_loss_coef: Float[Array, ""] = eqx.field(converter=_scalar)
    entropy_coef: Float[Array, ""] = eqx.field(converter=_scalar)
    optimiser: optax.GradientTransformation = eqx.field(static=True)
    num_epochs: int = eqx.field(static=True)
    num_minibatches: int = eqx.field(static=True)
    num_accumulation_steps: int = eqx.field(static=True)
    clip_value_loss: bool = eqx.field(static=True)
    bootstrap_truncated: bool = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        network: ActorCritic[Carry],
        optimiser: optax.GradientTransformation,
        *,
        discount: float | Float[Array, ""] = 0.995,
        gae_lambda: float | Float[Array, ""] = 0.98,
        clip_range: float | Float[Array, ""] = 0.2,
        value_loss_coef: float | Float[Array, ""] = 0.5,
        entropy_coef: float | Float[Array, ""] = 1e-3,
        num_epochs: int = 5,
        num_minibatches: int = 1,
        num_accumulation_steps: int = 1,
        clip_value_loss: bool = True,
        bootstrap_truncated: bool = False,
    ) -> "PPO[Carry]":
        """A learner that has not learned yet.

        Arguments:

        - `network`: what is trained.
        - `optimiser`: any Optax transformation; see `ppo_optimiser`, of which those made with the
          same numbers are equal. Build another one once: a new one is a new program.
        - `discount`, `gae_lambda`: in [0, 1].
        - `clip_range`: positive; how far the probability ratio (and, with `clip_value_loss`, the
          value) may move before its gradient is cut.
        - `value_loss_coef`, `entropy_coef`: weights of the value loss and of the entropy bonus.
        - `num_epochs`, `num_minibatches`: passes over a trajectory, and parts of each pass. A part
          is a set of whole plays for a recurrent network and of transitions otherwise.
        - `num_accumulation_steps`: equal parts of a minibatch whose gradients are computed one
          after another and added up. The update is the same up to rounding and takes less memory.
        - `clip_value_loss`: clipped squared error, or else the Huber loss with threshold 1.
        - `bootstrap_truncated`: whether an episode cut off by its time limit counts as going on
          (the value of its last state is used) instead of as ended, which is the reference's way.

        Raises `ValueError` for a value out of its range. A traced value, one of a sweep say, is not
        looked at.
        """
        for name, value in (("discount", discount), ("gae_lambda", gae_lambda)):
            if not (isinstance(value, Tracer) or 0 <= value <= 1):
                raise ValueError(f"PPO: {name} is {value}; it must be in [0, 1].")
        for name, value in (("value_loss_coef", value_loss_coef), ("entropy_coef", entropy_coef)):
            if not (isinstance(value, Tracer) or 0 <= value < float("inf")):
                raise ValueError(f"PPO: {name} is {value}; it must be finite and not negative.")
        if not (isinstance(clip_range, Tracer) or clip_range > 0):
            raise ValueError(f"PPO: clip_range is {clip_range}; it must be positive.")
        for name, value in (
            ("num_epochs", num_epochs),
            ("num_minibatches", num_minibatches),
            ("num_accumulation_steps", num_accumulation_steps),
        ):
            if value < 1:
                raise ValueError(f"PPO: {name} is {value}; it must be at least 1.")
        return cls(
            network=network,
            optimiser_state=optimiser.init(eqx.filter(network, eqx.is_inexact_array)),
            num_updates=jnp.zeros((), jnp.int32),
            discount=discount,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            value_loss_coef=value_loss_coef,
            entropy_coef=entropy_coef,
            optimiser=optimiser,
            num_epochs=num_epochs,
            num_minibatches=num_minibatches,
            num_accumulation_steps=num_accumulation_steps,
            clip_value_loss=clip_value_loss,
            bootstrap_truncated=bootstrap_truncated,
        )

    def with_learning_rate(self, learning_rate: float | Float[Array, "..."]) -> "PPO[Carry]":
        """The same learner with another learning rate; where it anneals, the one it starts from.

        Of a population, one number for all students or one for each. Setting it does not compile
        again. Raises `ValueError` if it is negative or infinite, unless it is traced, and if the
        optimiser is not one of `ppo_optimiser`.
        """
        state = set_learning_rate(self.optimiser_state, learning_rate)
        return eqx.tree_at(lambda agent: agent.optimiser_state, self, state)

    @property
    def needs_truncation_values(self) -> bool:
        return self.bootstrap_truncated

    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> Carry:
        return self.network.initial_carry(batch_shape)

    def predict(
        self, observation: PyTree, carry: Carry, reset: Bool[Array, "*batch"]
    ) -> tuple[Predictions, Carry]:
        return self.network.step(observation, carry, reset)

    def estimate(self, trajectory: Trajectory) -> Estimates:
        def one_head(rewards, dones, values, last_value, truncation_values):
            return generalised_advantages(
                rewards,
                dones,
                values,
                last_value,
                discount=self.discount,
                gae_lambda=self.gae_lambda,
                truncation_values=truncation_values,
            )

        over_heads = jax.vmap(one_head, in_axes=(None, None, 1, 0, 1), out_axes=1)
        over_levels = jax.vmap(over_heads, in_axes=(1, 1, 1, 0, 1), out_axes=1)
        return Estimates(
            *over_levels(
                trajectory.rewards,
                trajectory.dones,
                trajectory.values,
                trajectory.last_values,
                trajectory.truncation_values,
            )
        )

    def update(
        self, trajectory: Trajectory, estimates: Estimates, *, key: Key[Array, ""]
    ) -> tuple["PPO[Carry]", dict[str, Float[Array, ""]]]:
        """Takes `num_epochs * num_minibatches` optimiser steps.

        Raises `ValueError` if the trajectory cannot be cut into that many equal minibatches, or
        those into that many equal parts.

        Metrics, averaged over the steps: `loss`, `policy_loss`, `value_loss`, `entropy`,
        `approx_kl` (Schulman's estimator, mean of r - 1 - log r), `clip_fraction`, `grad_norm`
        (before clipping); and `explained_variance` of the values that the rollout was made with.
        """
        batch = PPOBatch(
            observations=trajectory.observations,
            resets=_shift_down(trajectory.dones),
            actions=trajectory.actions,
            log_probs=trajectory.log_probs,
            values=trajectory.values,
            advantages=estimates.advantages[..., 0],
            targets=estimates.targets,
        )
        split = self._split_into_minibatches(batch)
        params, structure = eqx.partition(self.network, eqx.is_inexact_array)

        def step(carry, minibatch):
            params, optimiser_state = carry
            advantages = normalise(minibatch.advantages)
            minibatch = dataclasses.replace(minibatch, advantages=advantages)
            gradient, metrics = self._accumulated(jax.grad(loss, has_aux=True), params, minibatch)
            # Of few arrays: few kernels, and `ppo_optimiser` needs the same number.
            metrics["grad_norm"] = optax.tree.norm(few_arrays(gradient)[0])
            # Optax counts on implicit promotion, which users may have switched off.
            with jax.numpy_dtype_promotion("standard"):
                updates, optimiser_state = self.optimiser.update(gradient, optimiser_state, params)
            return (optax.apply_updates(params, updates), optimiser_state), metrics

        def loss(params, minibatch):
            return ppo_loss(
                eqx.combine(params, structure),
                minibatch,
                clip_range=self.clip_range,
                value_loss_coef=self.value_loss_coef,
                entropy_coef=self.entropy_coef,
                clip_value_loss=self.clip_value_loss,
            )

        def epoch(carry, key):
            if self.num_minibatches == 1:
                return step(carry, batch)
            return filter_scan(step, carry, split(key))

        carry = (params, self.optimiser_state)
        keys = jax.random.split(key, self.num_epochs)
        (params, optimiser_state), metrics = filter_scan(epoch, carry, keys)
        agent = eqx.tree_at(
            lambda agent: (agent.network, agent.optimiser_state, agent.num_updates),
            self,
            (eqx.combine(params, structure), optimiser_state, self.num_updates + 1),
        )
        metrics = {name: jnp.mean(values) for name, values in metrics.items()}
        metrics["explained_variance"] = _explained_variance(trajectory.values, estimates.targets)
        return agent, metrics

    def _accumulated(
        self, gradient: Callable[..., Any], params: PyTree, minibatch: PPOBatch
    ) -> tuple[PyTree, dict[str, Float[Array, ""]]]:
        """The mean of the gradients, and of the metrics, of the parts of a minibatch."""
        num_parts = self.num_accumulation_steps
        if num_parts == 1:
            return gradient(params, minibatch)

        def add(total, part):
            of_part, metrics = gradient(params, part)
            return jax.tree.map(jnp.add, total, of_part), metrics

        nothing = jax.tree.map(jnp.zeros_like, params)
        total, metrics = filter_scan(add, nothing, self._parts(minibatch))
        return jax.tree.map(lambda leaf: leaf / num_parts, (total, jax.tree.map(jnp.sum, metrics)))

    def _parts(self, minibatch: PPOBatch) -> PPOBatch:
        size, num_parts = minibatch.actions.shape[1], self.num_accumulation_steps
        if size % num_parts != 0:
            raise ValueError(
                f"PPO: minibatches of {size} {self._unit()} cannot be cut into "
                f"num_accumulation_steps={num_parts} equal parts; choose a divisor."
            )

        # Every so many in a part: on several devices each has its share of every part.
        def cut(leaf):
            parts = leaf.reshape(leaf.shape[0], size // num_parts, num_parts, *leaf.shape[2:])
            return jnp.moveaxis(parts, 2, 0)

        parts = jax.tree.map(cut, minibatch)
        return split_levels(parts, axis=2, what=f"{self._unit()} of an accumulation step")

    def gradient_steps_per_update(self) -> int:
        return self.num_epochs * self.num_minibatches

    def _split_into_minibatches(self, batch: PPOBatch):
        """A function from a key to the minibatches, shuffled, along a new leading axis."""
        if isinstance(self.network.core, Feedforward):
            # Transitions are independent: a minibatch is one step of many one-step plays.
            batch = jax.tree.map(lambda x: x.reshape(1, -1, *x.shape[2:]), batch)
        unit = self._unit()
        size = batch.actions.shape[1]
        if size % self.num_minibatches != 0:
            raise ValueError(
                f"PPO: {size} {unit} cannot be cut into num_minibatches={self.num_minibatches} "
                "equal parts; choose a divisor."
            )

        def split(key):
            order = jax.random.permutation(key, size).reshape(self.num_minibatches, -1)
            # On several devices, each takes its share of every minibatch from where it is.
            order = split_levels(order, axis=1, what=f"{unit} of a minibatch")
            return jax.tree.map(lambda x: jnp.moveaxis(x[:, order], 1, 0), batch)

        return split

    def _unit(self) -> str:
        recurrent = not isinstance(self.network.core, Feedforward)
        return "plays (levels times trials)" if recurrent else "transitions"


def _shift_down(dones: Bool[Array, "time level"]) -> Bool[Array, "time level"]:
    """The memory is cleared in the step after an episode's end; it is empty before the first."""
    return jnp.concatenate([jnp.zeros_like(dones[:1]), dones[:-1]])


def _explained_variance(
    values: Float[Array, "time level value_head"], targets: Float[Array, "time level value_head"]
) -> Float[Array, ""]:
    return 1 - jnp.var(targets - values) / (jnp.var(targets) + 1e-8)
