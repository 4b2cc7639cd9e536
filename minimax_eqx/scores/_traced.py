"""How well things went, and how badly a model of the world foresaw them."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_positive
from .._types import Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractScore
from ._transition_model import Learned


class TRACED(AbstractScore[None, Learned]):
    """`PVL + prediction_weight * ATPL`, over the episodes of a level. At least 0.

    The positive value loss PVL is the mean of `max(A, 0)` over the n steps of an episode. ATPL is
    the mean error of a model that predicts each next observation, over the n - 1 pairs of steps
    inside the episode, and 0 in an episode of one step. The score is the mean over the level's
    finished episodes (those of all plays alike), then over students (Cho et al. 2026,
    arXiv 2506.19997). `CoLearnability` is the prioritisation that goes with it.

    The model learns from all that is played. A cycle is scored by the model as it was before.
    """

    prediction_weight: Scalar = 1.0
    """Weight of the model's error beside the positive value loss."""
    per_step: bool = True
    """Whether a score is a mean over steps; if not, a sum, as the authors' program stores it."""
    num_gradient_steps: int = 1
    """Steps that the model learns in a cycle from all episodes; the authors take one for each."""
    model_learning_rate: Scalar = 1e-4
    """Size of a step of the model's optimiser, AdamW."""
    model_filters: int = 32
    """Filters of the model's first convolution of an image; the second has twice as many."""
    model_size: int = 128
    """Units of the model's memory; twice as many if what it reads is no image."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_at_least(self, 0, "prediction_weight")
        check_positive(self, "model_learning_rate")
        check_at_least(self, 1, "num_gradient_steps", "model_filters", "model_size")

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[None, Learned]:
        return None, Learned.create(evidence, self.model_filters, self.model_size, key=key)

    def __call__(
        self, evidence: Evidence, records: None, state: Learned
    ) -> tuple[Float[Array, " level"], None, Learned]:
        errors, state = state.fit(evidence, self.model_learning_rate, self.num_gradient_steps)
        episodes = Episodes.of(evidence)
        steps = episodes.lengths.astype(jnp.float32)
        gains = jnp.maximum(evidence.advantages[..., 0], 0)
        share = gains / steps + self.prediction_weight * errors / jnp.maximum(steps - 1, 1)
        scores = episodes.pooled_mean_of_sums(share if self.per_step else share * steps)
        # As other scores have it, a student that finished no episode counts as 0.
        return jnp.mean(jnp.nan_to_num(scores), axis=0), None, state

    def merge(self, record: None, news: None) -> None:
        return None

    def metrics(self, state: Learned) -> Metrics:
        return {"model_loss": state.loss}
