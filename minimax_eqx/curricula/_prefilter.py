"""A source that predicts how levels will go, and gives those of uncertain outcome to be played."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between, check_positive
from .._types import Level, PyTree, Scalar
from .._xla._filtered import filter_scan
from .._xla._mesh import gather_levels
from ..agents import Adam
from ..envs import AbstractLevelGenerator
from ..nets._batched import over_leading_axes
from ..nets._encoder import AbstractEncoder
from ..nets._running_moments import parameters_of
from ..nets._tree_encoder import TreeEncoder
from ..rollouts import Episodes, Evidence
from ._fit import check_makes_levels
from ._level_source import AbstractWatcher
from ._level_spec import LevelSpec


class Predictor(eqx.Module):
    """A network that reads levels and gives the logits of their success rates."""

    encoder: Callable[[Any], Float[Array, " features"]]
    head: eqx.nn.MLP

    @classmethod
    def create(cls, encoder: AbstractEncoder, level: PyTree, *, key: Key[Array, ""]) -> "Predictor":
        encoder_key, head_key = jax.random.split(key)
        weights = encoder.init(level, key=encoder_key)
        size = eqx.filter_eval_shape(lambda weights, x: weights(x), weights, level).shape[-1]
        return cls(weights, eqx.nn.MLP(size, "scalar", size, 1, key=head_key))

    def __call__(self, levels: PyTree) -> Float[Array, " level"]:
        return jax.vmap(self.head)(over_leading_axes(self.encoder, 1)(levels))


class Window(eqx.Module, Generic[Level]):
    """The levels that were played last, and how often they were solved."""

    levels: Level  # leading axis: slot
    success_rates: Float[Array, " slot"]
    place: Int[Array, ""]  # the next slot
    count: Int[Array, ""]  # how many slots are filled

    def with_levels(self, levels: Level, rates: Float[Array, " level"]) -> "Window[Level]":
        """The window after such levels, of which those with a rate of NaN were not measured."""
        size, measured = self.success_rates.size, ~jnp.isnan(rates)
        order = jnp.cumsum(measured, dtype=jnp.int32)
        # An index of the size is out of bounds, so that nothing is written.
        slots = jnp.where(measured, (self.place + order - 1) % size, size)
        levels, rates = jax.tree.map(
            lambda stored, new: stored.at[slots].set(new, mode="drop"),
            (self.levels, self.success_rates),
            (levels, rates),
        )
        place, count = (self.place + order[-1]) % size, jnp.minimum(self.count + order[-1], size)
        return Window(levels, rates, place, count)


class PrefilterState(eqx.Module, Generic[Level]):
    """The ensemble, its optimiser's state, and what it learns from."""

    networks: Predictor  # leading axis: network
    optimiser: PyTree
    window: Window[Level]
    level_spec: LevelSpec


class Prefilter(AbstractWatcher[Level, PrefilterState], Generic[Level]):
    """Draws ten times as many levels, and gives those that look neither solved nor hopeless.

    An ensemble of small networks reads a level and predicts how often the students will solve it.
    Of all candidates those with the largest `p (1 - p)` are played, for the mean `p` of the
    predictions: networks that disagree about a level pull `p` towards one half, so such levels are
    tried too. Looking at a level costs far less than playing it, so a curriculum should need fewer
    plays to find as many useful levels. The ensemble learns in every cycle from the levels that
    were played last, by cross-entropy. A share of the levels is not filtered, so that it goes on
    seeing levels of all kinds.

    Put it where a curriculum takes its levels from: in `LevelReplay` with the schedule
    `Sequential`, in `SamplingForLearnability`, or in `AdversarialDesign`.
    """

    generator: AbstractLevelGenerator[Level]
    """Where candidates come from."""
    candidates_per_level: int = 10
    """How many candidates are looked at for each one that is played."""
    # Not traced: it decides how many levels there are.
    unfiltered_share: float = eqx.field(static=True, default=0.25)
    """Share of the levels that are played without a look at them."""
    encoder: AbstractEncoder = TreeEncoder(output_size=64)
    """How the networks read a level."""
    num_networks: int = 4
    """How many networks predict."""
    window: int = 4096
    """From how many of the levels played last the networks learn."""
    num_gradient_steps: int = 8
    """How many steps the networks learn in each cycle."""
    batch_size: int = 256
    """From how many levels each step learns, drawn from the window by each network for itself."""
    ensemble_learning_rate: Scalar = 1e-3
    """Size of a step of the networks' optimiser, Adam."""

    def __check_init__(self) -> None:
        check_at_least(
            self,
            1,
            *("candidates_per_level", "num_networks", "window", "num_gradient_steps", "batch_size"),
        )
        check_between(self, 0, 1, "unfiltered_share")
        check_positive(self, "ensemble_learning_rate")

    @property
    def _optimiser(self) -> Adam:
        return Adam(self.ensemble_learning_rate, max_grad_norm=None)

    def init(
        self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]
    ) -> PrefilterState[Level]:
        check_makes_levels(self.generator, level)
        spec, zero = LevelSpec.of(level), jnp.zeros((), jnp.int32)
        networks = eqx.filter_vmap(lambda key: Predictor.create(self.encoder, spec.level, key=key))(
            jax.random.split(key, self.num_networks)
        )
        return PrefilterState(
            networks,
            self._optimiser.init(parameters_of(networks)[0]),
            Window(
                jax.tree.map(lambda s: jnp.zeros((self.window, *s.shape), s.dtype), spec.level),
                jnp.zeros(self.window, jnp.float32),
                *(zero, zero),
            ),
            spec,
        )

    def draw(
        self, state: PrefilterState[Level], num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Level, None]:
        sample_key, order_key = jax.random.split(key)
        num_free = round(Fraction(str(self.unfiltered_share)) * num_levels)
        num_chosen = num_levels - num_free
        num_candidates = num_chosen * self.candidates_per_level
        drawn = jax.vmap(lambda key: self.generator.sample(state.level_spec.level, key=key))(
            jax.random.split(sample_key, num_candidates + num_free)
        )
        chances = predicted(state.networks, jax.tree.map(lambda x: x[:num_candidates], drawn))
        _, chosen = jax.lax.top_k(chances * (1 - chances), num_chosen)
        free = jnp.arange(num_candidates, num_candidates + num_free, dtype=jnp.int32)
        # In any order: a search plays the first of them only.
        order = jax.random.permutation(order_key, jnp.concatenate([chosen, free]))
        return jax.tree.map(lambda leaf: leaf[order], drawn), None

    def watch(
        self, state: PrefilterState[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple[PrefilterState[Level], Metrics]:
        """Metrics are the cross-entropy of what was predicted for the levels of this cycle, before
        the ensemble learned from them, and the mean prediction."""
        successes = Episodes.of(evidence).pooled_mean_of_sums(evidence.successes)
        levels, rates = gather_levels((evidence.levels, jnp.nanmean(successes, axis=0)))
        if rates.size > self.window:
            raise ValueError(
                f"Prefilter.window is {self.window}, less than the {rates.size} levels of a cycle; "
                "raise it."
            )
        foreseen = predicted(state.networks, levels)
        entropy = -(rates * jnp.log(foreseen) + (1 - rates) * jnp.log1p(-foreseen))
        window = state.window.with_levels(levels, rates)
        state = self._fit(dataclasses.replace(state, window=window), key=key)
        return state, {
            "prefilter_loss": jnp.nanmean(entropy),
            "predicted_success_rate": jnp.mean(foreseen),
        }

    def _fit(self, state: PrefilterState[Level], *, key: Key[Array, ""]) -> PrefilterState[Level]:
        window, optimiser = state.window, self._optimiser
        is_filled = (window.count > 0).astype(jnp.float32)

        def loss(networks, slots):
            levels = jax.tree.map(lambda leaf: leaf[slots], window.levels)
            logits = eqx.filter_vmap(lambda net, levels: net(levels))(networks, levels)
            entropy = optax.sigmoid_binary_cross_entropy(logits, window.success_rates[slots])
            # The networks share no weights, so the gradient of the sum is each one's own.
            return is_filled * jnp.sum(jnp.mean(entropy, axis=1))

        def step(carry, key):
            networks, optimiser_state = carry
            shape = (self.num_networks, self.batch_size)
            slots = jax.random.randint(key, shape, 0, jnp.maximum(window.count, 1), jnp.int32)
            weights, rest = parameters_of(networks)
            gradient = jax.grad(lambda w: loss(eqx.combine(w, rest), slots))(weights)
            steps, optimiser_state = optimiser.update(gradient, optimiser_state, weights)
            return (eqx.apply_updates(networks, steps), optimiser_state), None

        keys = jax.random.split(key, self.num_gradient_steps)
        (networks, optimiser_state), _ = filter_scan(step, (state.networks, state.optimiser), keys)
        return dataclasses.replace(state, networks=networks, optimiser=optimiser_state)


def predicted(networks: Predictor, levels: PyTree) -> Float[Array, " level"]:
    """The mean of what all networks predict for each level."""
    logits = eqx.filter_vmap(lambda net: net(levels))(networks)
    return jnp.mean(jax.nn.sigmoid(logits), axis=0).astype(jnp.float32)
