"""Automatic domain randomisation: ranges that widen where the student copes."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_below, check_between, check_finite
from .._types import Scalar
from ._bounds import Bounds
from ._box_source import AbstractBoxSource


class ADRState(eqx.Module):
    """The ranges as they are now, and what came in at their bounds since those were last judged.

    The axis `side` is the lower and the upper bound.
    """

    ranges: Bounds
    payoffs: Float[Array, "side parameter"]  # sums
    counts: Int[Array, "side parameter"]


class ADR(AbstractBoxSource[ADRState, Int[Array, " level"]]):
    """Draws from ranges that begin as one level and widen with success.

    Automatic domain randomisation (OpenAI 2019, arXiv 1910.07113). Levels are uniform within the
    ranges, but with the chance `boundary_prob` one parameter, all with the same chance, is put on
    one of its bounds: on the one that can still widen if only one can. When `num_episodes` levels
    of a bound have come back, their mean payoff moves it by `step`: outwards if it is at least
    `widen_at`, inwards if at most `narrow_at`. Either way the count begins anew. A bound never
    leaves the box of the environment, and never passes the other one.

    A bound is judged at the end of a cycle, by all that came back since it was last judged, which
    may be more than `num_episodes`.

    Raises `ValueError` for numbers outside the ranges below, unless `narrow_at` is below
    `widen_at`, and for environments whose levels are not numbers in a box.
    """

    start: Scalar = 0.5
    """The level to begin with: the place of every parameter in its range, from 0 to 1."""
    step: Scalar = 0.05
    """How far a bound moves at once, as a share of the parameter's whole range."""
    widen_at: Scalar = 0.8
    """A bound moves outwards if its levels were worth at least this, on average."""
    narrow_at: Scalar = 0.4
    """A bound moves inwards if its levels were worth at most this, on average."""
    boundary_prob: Scalar = 0.5
    """Chance that a level has one parameter on a bound; from 0 to 1."""
    num_episodes: int = 10
    """How many levels of a bound are awaited before it is judged; at least 1."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "start", "step", "boundary_prob")
        check_finite(self, "narrow_at", "widen_at")
        check_below(self, "narrow_at", "widen_at")
        check_at_least(self, 1, "num_episodes")

    def begin(self, num_parameters: int, *, key: Key[Array, ""]) -> ADRState:
        del key
        nothing = jnp.zeros((2, num_parameters), jnp.float32)
        return ADRState(Bounds(nothing + self.start), nothing, nothing.astype(jnp.int32))

    def choose(
        self, state: ADRState, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, "level parameter"], Int[Array, " level"]]:
        """The memory is the number of the bound that a level is on, in the order of the state's
        arrays, and their size for a level that is on none."""
        draw = lambda key: state.ranges.draw(self.boundary_prob, key=key)  # noqa: E731
        return jax.vmap(draw)(jax.random.split(key, num_levels))

    def update(
        self,
        state: ADRState,
        places: Float[Array, "level parameter"],
        memory: Int[Array, " level"],
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[ADRState, Metrics]:
        """Metrics are the bounds, the mean share of the whole ranges that they leave, and the mean
        payoff at bounds in this cycle."""
        del places, key
        shape = state.counts.shape
        # What is on no bound is out of range, and dropped.
        sums = state.payoffs.reshape(-1).at[memory].add(payoffs, mode="drop").reshape(shape)
        counts = state.counts.reshape(-1).at[memory].add(1, mode="drop").reshape(shape)
        is_judged = counts >= self.num_episodes
        means = sums / jnp.maximum(counts, 1).astype(sums.dtype)
        outwards = (is_judged & (means >= self.widen_at)).astype(sums.dtype)
        inwards = (is_judged & (means <= self.narrow_at)).astype(sums.dtype)
        ranges = state.ranges.moved(self.step * (outwards - inwards))
        low, high = ranges.bounds
        is_on_bound = memory < state.counts.size
        num_on_bounds = jnp.sum(is_on_bound, dtype=jnp.float32)
        metrics = {
            "low": low,
            "high": high,
            "range_width": jnp.mean(high - low),
            "boundary_payoff": jnp.sum(jnp.where(is_on_bound, payoffs, 0)) / num_on_bounds,
        }
        sums, counts = (jnp.where(is_judged, 0, count) for count in (sums, counts))
        return ADRState(ranges, sums, counts), metrics
