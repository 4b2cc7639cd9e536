"""A source that predicts how levels will go, and gives those of uncertain outcome to be played."""

from fractions import Fraction
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between, check_positive
from .._types import Level, PyTree, Scalar
from .._xla._mesh import gather_levels
from ..agents import Adam
from ..envs import AbstractLevelGenerator
from ..nets._encoder import AbstractEncoder
from ..nets._tree_encoder import TreeEncoder
from ..rollouts import Episodes, Evidence
from ._fit import check_makes_levels
from ._level_source import AbstractWatcher
from ._level_spec import LevelSpec
from ._played_window import Window
from ._success_model import SuccessModel


class PrefilterState(eqx.Module, Generic[Level]):
    """The ensemble, and what it learns from."""

    model: SuccessModel
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
        check_at_least(self, 1, "candidates_per_level", "num_networks", "window")
        check_at_least(self, 1, "num_gradient_steps", "batch_size")
        check_between(self, 0, 1, "unfiltered_share")
        check_positive(self, "ensemble_learning_rate")

    @property
    def _optimiser(self) -> Adam:
        return Adam(self.ensemble_learning_rate, max_grad_norm=None)

    def init(
        self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]
    ) -> PrefilterState[Level]:
        check_makes_levels(self.generator, level)
        spec = LevelSpec.of(level)
        model = SuccessModel.create(
            self.encoder, spec.level, self.num_networks, self._optimiser, key=key
        )
        return PrefilterState(model, Window.empty(spec.level, self.window), spec)

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
        chances = state.model.predicted(jax.tree.map(lambda x: x[:num_candidates], drawn))
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
        foreseen = state.model.predicted(levels)
        entropy = -(rates * jnp.log(foreseen) + (1 - rates) * jnp.log1p(-foreseen))
        window = state.window.with_levels(levels, rates)
        model = state.model.fitted(
            window,
            self._optimiser,
            num_steps=self.num_gradient_steps,
            batch_size=self.batch_size,
            key=key,
        )
        return PrefilterState(model, window, state.level_spec), {
            "prefilter_loss": jnp.nanmean(entropy),
            "predicted_success_rate": jnp.mean(foreseen),
        }
