"""Distributions over a box that go towards a goal as fast as the student can bear.

What DORAEMON and self-paced learning share: the levels of a while are drawn from one distribution,
and then it moves, by a search that is a fixed number of tensor operations.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_positive
from .._types import Scalar
from ._box_source import AbstractBoxSource

# A level that is more likely now than it was counts at most this often.
LARGEST_WEIGHT = 10.0
FAR_BELOW = 1e6  # any goal
MOVES = ("moved_by", "expected_worth", "effective_share")
NUM_ROUNDS, NUM_BLENDS, NUM_STEPS = 4, 9, 32


class TrustRegionState(eqx.Module):
    """The distribution, by two numbers for each parameter, and the levels drawn from it so far.

    What is at `num_drawn % size` is overwritten next.
    """

    numbers: Float[Array, "parameter 2"]
    drawn: Float[Array, "recent parameter"]
    worth: Float[Array, " recent"]
    num_drawn: Int[Array, ""]  # since the distribution moved


class AbstractTrustRegionSource(AbstractBoxSource[TrustRegionState, Float[Array, "level _"]]):
    """Moves a distribution towards a goal, as long as its levels are worth enough.

    When `num_episodes` levels have come back, the next distribution is the one with the highest
    `goal`, among those that are not farther from the present one than `max_kl`, and whose levels
    are expected to be worth `least_worth()` or more. If no such one is found, it is the one whose
    levels are expected to be worth most, which leads back to where the student copes.

    What is expected of a distribution is the mean over the levels that came back, weighted by how
    much likelier each is under it, but never by more than 10.

    The search goes from the present distribution along natural gradients, in 4 rounds. Each blends
    the gradient of the goal and the one of the expected worth, taken at the best one found so far,
    in 9 ways, and tries 32 steps along each.
    """

    max_kl: eqx.AbstractVar[Scalar]
    num_episodes: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_positive(self, "max_kl")
        check_at_least(self, 1, "num_episodes")

    @abc.abstractmethod
    def first(self) -> Float[Array, " 2"]:
        """The numbers of each parameter in the distribution to begin with."""

    @abc.abstractmethod
    def bounded(self, numbers: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """The numbers of one parameter as they are, or at the bounds that they passed."""

    @abc.abstractmethod
    def sample(self, numbers: Float[Array, " 2"], *, key: Key[Array, ""]) -> Float[Array, ""]:
        """Draws the place of one parameter, which is clipped into the box."""

    @abc.abstractmethod
    def log_density(self, numbers: Float[Array, " 2"], drawn: Float[Array, ""]) -> Float[Array, ""]:
        """Up to a constant, for what `sample` gave."""

    @abc.abstractmethod
    def kl(self, new: Float[Array, " 2"], old: Float[Array, " 2"]) -> Float[Array, ""]:
        """How far the distribution of one parameter is from the one before."""

    @abc.abstractmethod
    def fisher(self, numbers: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        """The second derivatives of `kl` by the new numbers, where they are the old ones."""

    @abc.abstractmethod
    def goal(self, numbers: Float[Array, " 2"]) -> Float[Array, ""]:
        """The higher the better, added up over parameters."""

    @abc.abstractmethod
    def worth(self, payoff: Float[Array, ""]) -> Float[Array, ""]:
        """What a level with that payoff is worth."""

    @abc.abstractmethod
    def least_worth(self) -> Scalar:
        """What the levels of a distribution must be worth, on average."""

    @abc.abstractmethod
    def described(self, numbers: Float[Array, "parameter 2"]) -> Metrics:
        """Metrics of a distribution."""

    def begin(self, num_parameters: int, *, key: Key[Array, ""]) -> TrustRegionState:
        del key
        return TrustRegionState(
            jnp.broadcast_to(self.first()[None], (num_parameters, 2)),
            jnp.full((self.num_episodes, num_parameters), 0.5, jnp.float32),
            jnp.zeros(self.num_episodes, jnp.float32),
            jnp.zeros((), jnp.int32),
        )

    def choose(
        self, state: TrustRegionState, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, "level parameter"], Float[Array, "level parameter"]]:
        """The memory is what was drawn, before it was clipped."""
        keys = jax.random.split(key, (num_levels, len(state.numbers)))
        sample = lambda numbers, key: self.sample(numbers, key=key)  # noqa: E731
        drawn = jax.vmap(jax.vmap(sample), (None, 0))(state.numbers, keys)
        return jnp.clip(drawn, 0, 1), drawn

    def update(
        self,
        state: TrustRegionState,
        places: Float[Array, "level parameter"],
        memory: Float[Array, "level parameter"],
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[TrustRegionState, Metrics]:
        """Metrics are those of the distribution, and, where it moved, how far, what its levels are
        expected to be worth, and how many levels the expectation rests on, as a share."""
        del places, key
        num_levels = len(payoffs)
        if num_levels > self.num_episodes:
            raise ValueError(
                f"{type(self).__name__}: a cycle plays {num_levels} levels, which is more than "
                f"num_episodes={self.num_episodes}; raise that."
            )
        slots = (state.num_drawn + jnp.arange(num_levels, dtype=jnp.int32)) % self.num_episodes
        drawn = state.drawn.at[slots].set(memory)
        worth = state.worth.at[slots].set(jax.vmap(self.worth)(payoffs))
        num_drawn = state.num_drawn + num_levels
        is_due = num_drawn >= self.num_episodes
        numbers, moved = jax.lax.cond(
            is_due,
            lambda: self.moved(state.numbers, drawn, worth),
            lambda: (state.numbers, dict.fromkeys(MOVES, jnp.full((), jnp.nan, jnp.float32))),
        )
        after = TrustRegionState(numbers, drawn, worth, jnp.where(is_due, 0, num_drawn))
        return after, {**self.described(numbers), **moved}

    def moved(
        self,
        old: Float[Array, "parameter 2"],
        drawn: Float[Array, "level parameter"],
        worth: Float[Array, " level"],
    ) -> tuple[Float[Array, "parameter 2"], Metrics]:
        """The distribution after this one, from which levels were drawn that were worth that."""
        fisher = jax.vmap(self.fisher)(old)

        def goal(new):
            return jnp.sum(jax.vmap(self.goal)(new))

        def kl(new):
            return jnp.sum(jax.vmap(self.kl)(new, old))

        def log_densities(new):
            of_one = lambda drawn: jnp.sum(jax.vmap(self.log_density)(new, drawn))  # noqa: E731
            return jax.vmap(of_one)(drawn)

        def weights(new):
            return jnp.minimum(jnp.exp(log_densities(new) - log_densities(old)), LARGEST_WEIGHT)

        def expected(new):
            counts = weights(new)
            return jnp.sum(counts * worth) / jnp.maximum(jnp.sum(counts), 1e-6)

        def unit(move):
            """As long as a divergence of 1/2, if it is not 0."""
            square = jnp.einsum("pi,pij,pj->", move, fisher, move)
            return move / jnp.sqrt(jnp.maximum(square, 1e-12))

        def uphill(function, new):
            """The direction of its natural gradient."""
            return unit(jnp.linalg.solve(fisher, jax.grad(function)(new)[..., None])[..., 0])

        def value(new):
            """How good a distribution is; the worst if it is too far from the old one."""
            is_worth_it = expected(new) >= self.least_worth()
            value = jnp.where(is_worth_it, goal(new), expected(new) - FAR_BELOW)
            return jnp.where(kl(new) <= self.max_kl, value, -jnp.inf)

        blends = np.linspace(0, 1, NUM_BLENDS, dtype=np.float32)[:, None, None]
        steps = np.linspace(0, 2, NUM_STEPS + 1, dtype=np.float32)[1:, None, None, None]

        def search(best, _):
            to_goal, to_worth = uphill(goal, best)[None], uphill(expected, best)[None]
            directions = jax.vmap(unit)((1 - blends) * to_goal + blends * to_worth)
            moves = jnp.sqrt(2 * self.max_kl) * steps * directions[None]
            tried = jax.vmap(jax.vmap(self.bounded))(old[None] + moves.reshape(-1, *old.shape))
            tried = jnp.concatenate([best[None], tried])
            return tried[jnp.argmax(jax.vmap(value)(tried))], None

        new, _ = jax.lax.scan(search, old, None, NUM_ROUNDS)
        counts = weights(new)
        share = jnp.square(jnp.mean(counts)) / jnp.mean(jnp.square(counts))
        return new, dict(zip(MOVES, (kl(new), expected(new), share), strict=True))
