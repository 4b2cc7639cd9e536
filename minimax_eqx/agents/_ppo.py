"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between, check_positive
from .._types import PyTree, Scalar
from .._xla._few_arrays import few_arrays
from .._xla._filtered import filter_scan
from ..envs._actions import AbstractActionSpec
from ..nets import ActorCritic
from ..nets._policy import AbstractNetwork, AbstractPolicy, Predictions
from ..nets._running_moments import parameters_of
from ._advantage import generalised_advantages
from ._agent import AbstractLearner, Agent, Estimates, Trajectory
from ._losses import (
    AbstractValueLoss,
    ClippedValueLoss,
    clipped_objective,
    explained_variance,
    normalise,
    weighted_mean,
    with_mean_one,
)
from ._minibatches import Batch, as_transitions, equal_parts, shuffled_minibatches
from ._optimiser import AbstractOptimiser, Adam
from ._peers import AbstractPeerLoss


class PPO(AbstractLearner):
    """Proximal policy optimisation of an actor-critic (Schulman et al. 2017, arXiv 1707.06347).

    The defaults are those of the reference. Raises `ValueError` for a value out of its range.
    """

    network: AbstractNetwork = ActorCritic()
    """Policy and values."""
    optimiser: AbstractOptimiser = Adam()
    """How gradients become steps."""
    discount: Scalar = 0.995
    """What a reward is worth one step later."""
    gae_lambda: Scalar = 0.98
    """Advantages trust the values at 0, and what was paid at 1."""
    clip_range: Scalar = 0.2
    """How far a ratio of probabilities may move from 1 before its gradient is cut."""
    value_loss: AbstractValueLoss = ClippedValueLoss()
    """How wrong a value is."""
    value_loss_coef: Scalar = 0.5
    """Weight of the value loss."""
    entropy_coef: Scalar = 1e-3
    """Weight of the entropy bonus."""
    num_epochs: int = 5
    """Passes over a trajectory in an update."""
    num_minibatches: int = 1
    """Equal parts of a pass, each of which makes a gradient step. A part is a set of whole plays
    for a network with memory, and of single steps otherwise."""
    num_accumulation_steps: int = 1
    """Equal parts of a minibatch whose gradients are computed one after another and added up: the
    same update, up to rounding, in less memory."""
    bootstrap_truncated: bool = False
    """Whether an episode that a time limit cut off counts as going on (the value of its last state
    is used) instead of as ended."""
    peer_loss: AbstractPeerLoss | None = None
    """What students learn from each other besides; it needs at least two of them."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "discount", "gae_lambda")
        check_positive(self, "clip_range")
        check_at_least(self, 0, "value_loss_coef", "entropy_coef")
        check_at_least(self, 1, "num_epochs", "num_minibatches", "num_accumulation_steps")

    @property
    def needs_truncation_values(self) -> bool:
        return self.bootstrap_truncated

    @property
    def gradient_steps_per_update(self) -> int:
        return self.num_epochs * self.num_minibatches

    @property
    def num_useful_updates(self) -> int | None:
        steps = self.optimiser.num_useful_steps
        return None if steps is None else -(-steps // self.gradient_steps_per_update)

    def init(
        self,
        observation: PyTree[jax.ShapeDtypeStruct],
        actions: AbstractActionSpec,
        *,
        key: Key[Array, ""],
    ) -> Agent:
        """The network has all of the key."""
        network = self.network.init(observation, actions, key=key)
        return Agent(
            network=network,
            learning=self.optimiser.init(parameters_of(network)[0]),
            num_updates=jnp.zeros((), jnp.int32),
        )

    def check(self, agent: Agent, num_steps: int, num_plays: int) -> None:
        """Raises `ValueError` if `num_plays` plays, or the `num_steps` steps of a network without
        memory, cannot be cut into `num_minibatches` equal parts, or each of those into
        `num_accumulation_steps`. It does so, too, for a `peer_loss` without peers."""
        if self.peer_loss is not None and agent.num_updates.ndim > 0 and agent.num_updates.size < 2:
            raise ValueError(
                f"PPO.peer_loss is {type(self.peer_loss).__name__}, and there is one student, who "
                "can learn from nobody; ask for more, as in Experiment(num_students=2, ...)."
            )
        unit = _unit(agent)
        size = num_plays if agent.network.has_memory else num_plays * num_steps
        if size % self.num_minibatches != 0:
            raise ValueError(
                f"PPO: {size} {unit} cannot be cut into num_minibatches={self.num_minibatches} "
                "equal parts; choose a divisor."
            )
        size //= self.num_minibatches
        if size % self.num_accumulation_steps != 0:
            raise ValueError(
                f"PPO: minibatches of {size} {unit} cannot be cut into num_accumulation_steps="
                f"{self.num_accumulation_steps} equal parts; choose a divisor."
            )

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
        over_plays = jax.vmap(over_heads, in_axes=(1, 1, 1, 0, 1), out_axes=1)
        return Estimates(
            *over_plays(
                trajectory.rewards,
                trajectory.dones,
                trajectory.values,
                trajectory.last_values,
                trajectory.truncation_values,
            )
        )

    def ask_peers(self, students: Agent, trajectories: Trajectory) -> PyTree[Array]:
        return None if self.peer_loss is None else self.peer_loss.ask(students, trajectories)

    def loss(self, predictions: Predictions, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        """`policy_loss + value_loss_coef * value_loss - entropy_coef * entropy`, and metrics. With
        a `peer_loss` its mean is added.

        All of them are means, weighted by the batch's weights, so those of equal parts of a batch
        have the whole batch's as their mean.
        """

        def mean(quantity):
            return weighted_mean(quantity, batch.weights)

        log_probs, entropies = predictions.actions.log_prob_and_entropy(batch.actions)
        objective = clipped_objective(log_probs, batch.log_probs, batch.advantages, self.clip_range)
        errors = self.value_loss(predictions.values, batch.values, batch.targets, self.clip_range)
        policy_loss, value_loss = -mean(objective), mean(errors)
        entropy = mean(entropies)
        loss = policy_loss + self.value_loss_coef * value_loss - self.entropy_coef * entropy
        log_ratio = log_probs - batch.log_probs
        is_clipped = jnp.abs(jnp.expm1(log_ratio)) > self.clip_range
        metrics = {
            "loss": loss,
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "approx_kl": mean(jnp.expm1(log_ratio) - log_ratio),
            "clip_fraction": mean(is_clipped.astype(jnp.float32)),
        }
        if self.peer_loss is not None:
            peer_loss = mean(self.peer_loss(predictions, batch.told))
            loss = loss + peer_loss
            metrics |= {"loss": loss, "peer_loss": peer_loss}
        return loss, jax.lax.stop_gradient(metrics)

    def update(
        self,
        agent: Agent,
        trajectory: Trajectory,
        estimates: Estimates,
        *,
        weights: Float[Array, "time play"] | None = None,
        key: Key[Array, ""],
    ) -> tuple[Agent, Metrics]:
        """Takes `num_epochs * num_minibatches` optimiser steps.

        Each minibatch counts as much as any other, whatever the weights in it add up to; one whose
        weights are all 0 has a gradient of 0. Raises what `check` raises.

        Metrics, averaged over the steps: `loss`, `policy_loss`, `value_loss`, `entropy`,
        `approx_kl` (Schulman's estimator, mean of r - 1 - log r), `clip_fraction`, `grad_norm`
        (before clipping), `peer_loss` if there is one; and `explained_variance` of the values that
        the rollout was made with.
        """
        self.check(agent, *trajectory.rewards.shape)
        if self.peer_loss is not None and trajectory.told is None:
            raise ValueError(
                f"PPO.peer_loss is {type(self.peer_loss).__name__}, and nobody tells this agent "
                "anything: it is for the students of a population alone, and no teacher has peers."
            )
        batch = Batch(
            observations=trajectory.observations,
            resets=trajectory.resets,
            actions=trajectory.actions,
            log_probs=trajectory.log_probs,
            values=trajectory.values,
            advantages=estimates.advantages[..., 0],
            targets=estimates.targets,
            weights=weights,
            told=trajectory.told,
        )
        if not agent.network.has_memory:
            batch = as_transitions(batch)
        elif trajectory.carried is not None:
            # With an axis before that of plays, as all else in a batch.
            memory = jax.tree.map(lambda leaf: leaf[None], trajectory.carried.memory)
            batch = dataclasses.replace(batch, memory=memory)
        params, structure = parameters_of(_measured(agent, trajectory, weights))

        def loss(params, minibatch):
            network = eqx.combine(params, structure)
            if minibatch.memory is None:
                memory = network.initial_memory(minibatch.resets.shape[1:])
            else:
                memory = jax.tree.map(lambda leaf: leaf[0], minibatch.memory)
            predictions, _ = network.scan(minibatch.observations, memory, minibatch.resets)
            return self.loss(predictions, minibatch)

        def step(carry: PyTree, minibatch: Batch) -> tuple[PyTree, Metrics]:
            params, optimiser_state = carry
            gradient, metrics = self._gradient(loss, params, _prepared(minibatch), _unit(agent))
            # Of few arrays: few kernels, and `Adam` needs the same number.
            metrics["grad_norm"] = optax.tree.norm(few_arrays(gradient)[0])
            updates, optimiser_state = self.optimiser.update(gradient, optimiser_state, params)
            return (optax.apply_updates(params, updates), optimiser_state), metrics

        def epoch(carry, key):
            if self.num_minibatches == 1:
                return step(carry, batch)
            minibatches = shuffled_minibatches(batch, self.num_minibatches, _unit(agent), key=key)
            return filter_scan(step, carry, minibatches)

        keys = jax.random.split(key, self.num_epochs)
        (params, learning), metrics = filter_scan(epoch, (params, agent.learning), keys)
        metrics = {name: jnp.mean(values) for name, values in metrics.items()}
        metrics["explained_variance"] = explained_variance(
            trajectory.values,
            estimates.targets,
            None if weights is None else with_mean_one(weights),
        )
        return Agent(eqx.combine(params, structure), learning, agent.num_updates + 1), metrics

    def _gradient(
        self, loss: Callable[..., Any], params: PyTree, minibatch: Batch, unit: str
    ) -> tuple[PyTree, Metrics]:
        """The gradient and the metrics of a minibatch: the means of those of its parts."""
        gradient = jax.grad(loss, has_aux=True)
        num_parts = self.num_accumulation_steps
        if num_parts == 1:
            return gradient(params, minibatch)

        def add(total, part):
            of_part, metrics = gradient(params, part)
            return jax.tree.map(jnp.add, total, of_part), metrics

        nothing = jax.tree.map(jnp.zeros_like, params)
        total, metrics = filter_scan(add, nothing, equal_parts(minibatch, num_parts, unit))
        return jax.tree.map(lambda leaf: leaf / num_parts, (total, jax.tree.map(jnp.sum, metrics)))


def _prepared(minibatch: Batch) -> Batch:
    """The minibatch as the loss wants it: normalised advantages, and weights whose mean is 1."""
    weights = None if minibatch.weights is None else with_mean_one(minibatch.weights)
    advantages = normalise(minibatch.advantages, weights)
    return dataclasses.replace(minibatch, advantages=advantages, weights=weights)


def _measured(
    agent: Agent, trajectory: Trajectory, weights: Float[Array, "time play"] | None
) -> AbstractPolicy:
    """The network after it measured the observations, if it does."""
    weights = None if weights is None else with_mean_one(weights)
    measured = agent.network.measured(trajectory.observations, weights)
    return agent.network if measured is None else measured


def _unit(agent: Agent) -> str:
    return "plays (levels times trials)" if agent.network.has_memory else "transitions"
