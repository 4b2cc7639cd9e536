"""ALP-GMM: levels are drawn where the student's returns change."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between
from .._types import Scalar
from ._box_source import AbstractBoxSource
from ._mixture import Mixture
from ._progress_memory import FEWEST_KNOWN, ProgressMemory


class AlpGmmState(eqx.Module):
    """What came back so far, and the mixture that was fitted last."""

    memory: ProgressMemory
    num_since_fit: Int[Array, ""]
    mixture: Mixture
    is_fitted: Bool[Array, ""]


class AlpGmm(AbstractBoxSource[AlpGmmState, None]):
    """Draws from a mixture of normal distributions, where there is most learning progress.

    ALP-GMM (Portelas et al. 2019, arXiv 1910.07224). The absolute learning progress of a level is
    `|payoff - payoff'|`, where `payoff'` is that of the nearest earlier level; it is 0 until 6 are
    known. After every `fit_every` levels, mixtures of 2 to `max_components` normal distributions
    with full covariances are fitted to the last `fit_every` places with their progress, and the
    one with the best information criterion (Akaike's) is kept. A level is uniform with the chance
    `uniform_prob`, and always before the first fit. Else a component is drawn in proportion to its
    mean progress, and a place from it, clipped into the box.

    Distances are Euclidean in the unit box, and progress is an axis beside them: payoffs should be
    from about 0 to 1, as returns of `CartPole` are.

    Raises `ValueError` for numbers outside the ranges below, for fewer stored levels than a cycle
    plays, and for environments whose levels are not numbers in a box.
    """

    uniform_prob: Scalar = 0.2
    """Chance that a level is uniform in the whole box; from 0 to 1."""
    fit_every: int = 250
    """Levels between two fits, which are also the levels that are fitted; at least 20."""
    max_components: int = 10
    """Most components of a mixture; at least 2. The paper has 10, as here."""
    num_known: int = 4000
    """How many earlier levels are kept to compare new ones with."""
    num_iterations: int = 25
    """Steps of expectation and maximisation in a fit."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "uniform_prob")
        check_at_least(self, 20, "fit_every")
        check_at_least(self, 2, "max_components")
        check_at_least(self, FEWEST_KNOWN, "num_known")
        check_at_least(self, 1, "num_iterations")

    def begin(self, num_parameters: int, *, key: Key[Array, ""]) -> AlpGmmState:
        del key
        return AlpGmmState(
            ProgressMemory.blank(num_parameters, self.num_known, self.fit_every),
            jnp.zeros((), jnp.int32),
            Mixture.standard(self.max_components, num_parameters + 1),
            jnp.array(False),
        )

    def choose(
        self, state: AlpGmmState, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, "level parameter"], None]:
        num_parameters = state.memory.places.shape[1]
        progress = state.mixture.means[:, -1]

        def choose_one(key):
            chance_key, uniform_key, mixture_key = jax.random.split(key, 3)
            uniform = jax.random.uniform(uniform_key, (num_parameters,), jnp.float32)
            drawn = state.mixture.sample(progress, key=mixture_key)[:num_parameters]
            is_uniform = jax.random.bernoulli(chance_key, self.uniform_prob) | ~state.is_fitted
            return jnp.where(is_uniform, uniform, jnp.clip(drawn, 0, 1))

        return jax.vmap(choose_one)(jax.random.split(key, num_levels)), None

    def update(
        self,
        state: AlpGmmState,
        places: Float[Array, "level parameter"],
        memory: None,
        payoffs: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[AlpGmmState, Metrics]:
        """Levels of one cycle are compared with earlier cycles' alone. Metrics are the mean
        progress in this cycle, and how many components the mixture has."""
        del memory
        num_levels = len(payoffs)
        if num_levels > min(self.num_known, self.fit_every):
            raise ValueError(
                f"AlpGmm: a cycle plays {num_levels} levels, which is more than num_known="
                f"{self.num_known} or fit_every={self.fit_every}; raise those."
            )
        progress = state.memory.progress(places, payoffs)
        known = state.memory.after(places, payoffs, progress)
        num_since_fit = state.num_since_fit + num_levels
        is_due = num_since_fit >= self.fit_every
        mixture = jax.lax.cond(
            is_due,
            lambda: Mixture.fitted(known.recent, self.max_components, self.num_iterations, key=key),
            lambda: state.mixture,
        )
        is_fitted = state.is_fitted | is_due
        metrics = {
            "learning_progress": jnp.mean(progress),
            "num_components": jnp.where(is_fitted, mixture.size.astype(jnp.float32), jnp.nan),
        }
        num_since_fit = jnp.where(is_due, 0, num_since_fit)
        return AlpGmmState(known, num_since_fit, mixture, is_fitted), metrics
