"""How far a step of learning on a level alone would move the policy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .._ranges import check_at_least
from .._types import PyTree
from ..agents import Agent
from ..agents._losses import normalise, with_mean_one
from ..agents._population import over_students
from ..nets._running_moments import parameters_of
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractSelectiveFormula


class PACE(AbstractSelectiveFormula):
    """Squared norm of the policy's gradient on a level: what learning there would change.

    An interpretation of PACE (Yuan et al. 2026, arXiv 2605.01358), of which no program is public. A
    level is worth `||delta||^2`, where `delta` is the change of the parameters by an update on that
    level alone. Here `delta` is one plain gradient step of size 1:

        || d / d parameters  mean of A * log pi(action) ||^2

    over the steps of the level's finished episodes, those of all plays alike. That is PPO's policy
    loss before its first step; the value loss and the entropy bonus have gradients on mastered
    levels too, and are left out. Averaged over students.

    The noise of plays adds to a squared norm, so that a level may look useful since it is noisy.
    With several trials, that is taken away: the score is the unbiased estimate from the gradients
    `G_i` of `n` trials, `(||sum G_i||^2 - sum ||G_i||^2) / (n (n - 1))`, which may be negative. A
    single trial has nothing to compare.

    A forward and a backward pass over everything that was played: 3 forward passes per transition.
    """

    normalise_advantages: bool = True
    """Whether advantages get mean 0 and spread 1 over all levels of a cycle, as PPO has them."""
    num_parts: int = 1
    """Equal parts of the levels, one after another: the same scores in less memory, since every
    level has a gradient of its own."""
    can_be_negative = True

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_parts")

    def check(self, evidence: Evidence) -> None:
        num_levels = evidence.rewards.shape[2]
        if num_levels % self.num_parts != 0:
            raise ValueError(
                f"PACE: {num_levels} levels cannot be cut into num_parts={self.num_parts} equal "
                "parts; choose a divisor."
            )

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        episodes = Episodes.of(evidence)
        plays = (
            *(evidence.observations, evidence.actions, episodes.begins),
            *(evidence.advantages[..., 0], episodes.finished_steps),
        )
        scores = over_students(self._scores, evidence.students, plays)
        return jnp.mean(scores, axis=0).astype(jnp.float32)

    def _scores(self, student: Agent, plays: PyTree) -> Float[Array, " level"]:
        """Those of one student, whose plays have the axes `time level trial`."""
        *seen, advantages, counted = plays
        advantages = jnp.where(counted, advantages, 0.0)
        if self.normalise_advantages:
            advantages = normalise(advantages, with_mean_one(counted.astype(advantages.dtype)))
        steps = jnp.sum(counted, axis=(0, 2), keepdims=True, dtype=advantages.dtype)
        shares = jnp.where(counted, advantages / jnp.maximum(steps, 1), 0.0)
        params, structure = parameters_of(student.network)

        def objective(params, observations, actions, begins, shares):
            network = eqx.combine(params, structure)
            memory = network.initial_memory(begins.shape[1:])
            predictions, _ = network.scan(observations, memory, begins)
            return jnp.sum(shares * predictions.actions.log_prob(actions))

        num_trials = counted.shape[2]

        def scores(part: PyTree) -> Float[Array, " level"]:
            # One axis for all plays: with one for trials beside it, XLA copies all steps in every
            # step back, which takes longer than all else.
            plays = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), part)
            gradients = jax.vmap(lambda play: jax.grad(objective)(params, *play))(plays)
            gradients = jax.tree.map(
                lambda leaf: leaf.reshape(-1, num_trials, *leaf.shape[1:]), gradients
            )
            return jax.vmap(squared_norm_without_noise)(gradients)

        def cut(leaf):  # every `num_parts`-th level in a part, so that devices share each part
            leaf = jnp.moveaxis(leaf, 0, 2)
            return jnp.moveaxis(leaf.reshape(-1, self.num_parts, *leaf.shape[1:]), 1, 0)

        parts = jax.tree.map(cut, (*seen, shares))
        return jax.lax.map(scores, parts).T.reshape(-1)


def squared_norm_without_noise(parts: PyTree[Float[Array, "trial ..."]]) -> Float[Array, ""]:
    """The squared norm of a mean of `n` noisy gradients, less what their noise adds to it.

    `parts` are the gradients divided by their number, so that they add up to the mean. Of a single
    one it is the squared norm.
    """
    num_trials = len(jax.tree.leaves(parts)[0])
    if num_trials == 1:
        return optax.tree.norm(parts, squared=True)
    total = optax.tree.norm(jax.tree.map(lambda part: jnp.sum(part, axis=0), parts), squared=True)
    return (total - optax.tree.norm(parts, squared=True)) * num_trials / (num_trials - 1)
