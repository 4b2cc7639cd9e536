"""What happened on levels that several students played, perhaps several times."""

from typing import TYPE_CHECKING, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from .._types import PyTree

if TYPE_CHECKING:
    # A checker is told of arrays only, so that formulas may use what they read.
    Measured: TypeAlias = Array
else:
    Measured: TypeAlias = Array | jax.ShapeDtypeStruct


class Evidence(eqx.Module):
    """What happened on a cycle's levels. Each student played each level `num_trials` times.

    You get it wherever something is judged by how it was played: in a score, and in a curriculum's
    `learn`. Arrays have the axes `student time level trial`, so that `evidence.rewards[0, :, 3, 1]`
    are the first student's rewards on the fourth level, in the second trial. One student on one
    level in one trial is a *play*. Each play begins an episode in its first step, and another one
    after every end; the last is usually unfinished. `Episodes` tells which steps count.

    What you don't read costs nothing: XLA drops it from the compiled cycle.

    A part's `init` gets evidence whose arrays are `jax.ShapeDtypeStruct`s, before anything was
    played. Their shapes tell how many students, trials and value heads there will be.
    """

    levels: PyTree
    """The levels that were played (leading axis `level`)."""
    observations: PyTree
    """What the students saw before they acted (leading axes `student time level trial`)."""
    actions: PyTree
    """What they did (leading axes `student time level trial`)."""
    distributions: PyTree
    """What they chose their actions from (leading axes `student time level trial`)."""
    log_probs: Float[Measured, "student time level trial"]
    """Logarithms of the chances, or densities, of those actions."""
    rewards: Float[Measured, "student time level trial"]
    """What each step paid."""
    terminated: Bool[Measured, "student time level trial"]
    """Whether the episode ended in that step by the environment's rules."""
    truncated: Bool[Measured, "student time level trial"]
    """Whether the time limit cut the episode off in that step."""
    outcomes: Bool[Measured, "student time level trial"] | None
    """What `successes` gives; None where nobody says what success is."""
    values: Float[Measured, "student time level trial value_head"]
    """What the students expected before they acted."""
    advantages: Float[Measured, "student time level trial value_head"]
    """How much better than expected things went, as the students' learner estimates it."""
    students: PyTree
    """The students that began the play, as they were then (leading axis `student`). In a play of
    several rollouts they learn after each, so later steps are those of their successors; what
    `distributions`, `log_probs`, `values` and `advantages` say is of whoever took the step."""
    measures: dict[str, Float[Measured, "student time level trial"]] = eqx.field(
        default_factory=dict
    )
    """What else the environment measures in each step, by name."""
    optimum: Float[Measured, " level"] | None = None
    """The best return that the level allows, or None if the environment does not tell."""
    weights: Float[Measured, "student time level trial"] | None = None
    """How much each step counted when the students learned, if the curriculum's `weights` said so;
    None inside of `weights` itself."""
    env: PyTree = None
    """The environment in which the levels were played."""

    @classmethod
    def by_hand(
        cls,
        rewards: Shaped[ArrayLike, "student time level trial"],
        dones: Shaped[ArrayLike, "student time level trial"],
        *,
        successes: Bool[ArrayLike, "student time level trial"] | None = None,
        values: Float[ArrayLike, "student time level trial value_head"] | None = None,
        advantages: Float[ArrayLike, "student time level trial value_head"] | None = None,
        optimum: Float[ArrayLike, " level"] | None = None,
        levels: PyTree = None,
    ) -> "Evidence":
        """Evidence that you write down yourself, to try a score of yours on what you know.

        Every episode that is done ended by the environment's rules. Levels are numbered where you
        give none, observations, distributions and students are None, and the rest is 0 or false,
        with as many value heads as you give values or advantages, or else one.
        """
        rewards, dones = jnp.asarray(rewards, jnp.float32), jnp.asarray(dones, bool)
        given = [x for x in (values, advantages) if x is not None]
        zeros = jnp.zeros(jnp.shape(given[0]) if given else (*rewards.shape, 1))
        return cls(
            levels=jnp.arange(rewards.shape[2]) if levels is None else levels,
            observations=None,
            actions=jnp.zeros(rewards.shape, jnp.int32),
            distributions=None,
            log_probs=jnp.zeros(rewards.shape),
            rewards=rewards,
            terminated=dones,
            truncated=jnp.zeros_like(dones),
            outcomes=jnp.zeros_like(dones) if successes is None else jnp.asarray(successes),
            values=zeros if values is None else jnp.asarray(values),
            advantages=zeros if advantages is None else jnp.asarray(advantages),
            students=None,
            optimum=None if optimum is None else jnp.asarray(optimum),
        )

    @property
    def dones(self) -> Bool[Array, "student time level trial"]:
        """Whether an episode ended in that step, for either reason."""
        return self.terminated | self.truncated

    @property
    def successes(self) -> Bool[Array, "student time level trial"]:
        """Whether the episode ended in that step with success.

        Raises `ValueError` where nobody says what success is, so that a score which counts
        successes is refused when the runner is made. `outcomes` is None there.
        """
        if self.outcomes is None:
            raise ValueError(
                "A score, or another part of the curriculum, counts successes, and the environment "
                "does not say what success is: say from which return on an episode is one, as in "
                "Experiment(..., success_return=10.0), or choose a score that goes by returns or "
                "values, such as ReturnVariance or MaxMC."
            )
        return self.outcomes

    @property
    def num_students(self) -> int:
        """How many students played each level."""
        return self.rewards.shape[0]

    @property
    def num_trials(self) -> int:
        """How many times each student played each level."""
        return self.rewards.shape[3]

    @property
    def num_value_heads(self) -> int:
        """How many values each student gives to a state."""
        return self.values.shape[4]

    def level_spec(self) -> PyTree:
        """The structure of one level, as `jax.ShapeDtypeStruct`s."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), self.levels
        )
