"""Sampling for learnability: a periodic search for levels that are solved sometimes."""

import dataclasses
from fractions import Fraction
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Level
from .._xla._filtered import filter_cond
from ..envs import AbstractLevelGenerator
from ..rollouts import finished_episodes
from ..rollouts._evidence import Evidence
from ..scores import AbstractScore, Learnability
from ..scores._score import check_memoryless
from ._admission import BeatTheLowestScore
from ._copies import Copies
from ._curriculum import AbstractCurriculum, Proposal
from ._level_buffer import LevelBuffer


class SamplingForLearnability(AbstractCurriculum[Level], Generic[Level]):
    """Trains on the most learnable of many random levels, searched for again and again (SFL).

    Rutherford et al. 2024, arXiv 2408.15099, algorithm 1. A period begins with a search: cycles
    without update in which `num_candidates` random levels are played `num_plays` times each; the
    `capacity` best by `score` are kept. Then come `num_training_cycles` cycles with update, in
    which `replay_share` of the levels are drawn uniformly from those kept and the others are new.

    Make it with `SamplingForLearnability.create`.
    """

    generator: AbstractLevelGenerator[Level]
    score: AbstractScore[None]
    buffer: LevelBuffer[Level, None]
    phase: Int[Array, ""]  # cycles since the period began
    num_levels: int = eqx.field(static=True)
    num_replayed: int = eqx.field(static=True)
    num_plays: int = eqx.field(static=True)
    num_search_cycles: int = eqx.field(static=True)
    num_training_cycles: int = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        generator: AbstractLevelGenerator[Level],
        *,
        score: AbstractScore[None] | None = None,
        num_levels: int = 32,
        num_candidates: int = 5000,
        num_plays: int = 4,
        capacity: int = 1000,
        replay_share: float = 0.5,
        num_training_cycles: int = 50,
    ) -> "SamplingForLearnability[Level]":
        """A search that has found nothing yet.

        Arguments:

        - `generator`: where levels come from.
        - `score`: one without memory; `Learnability()` if not given.
        - `num_levels`: levels, counted with their repetitions, that a cycle plays.
        - `num_candidates`: levels tried in a search, or a few more, to fill its last cycle.
        - `num_plays`: how often each is played side by side; a divisor of `num_levels`. Each of the
          runner's trials multiplies it.
        - `capacity`: how many of them are kept; at most `num_candidates`.
        - `replay_share`: share of a training cycle's levels that were kept; in (0, 1], and at least
          one level.
        - `num_training_cycles`: cycles with update from one search to the next.

        Raises `ValueError` for a value out of its range, and for a score with memory.
        """
        name = "SamplingForLearnability"
        counts = {
            "num_levels": num_levels,
            "num_candidates": num_candidates,
            "num_plays": num_plays,
            "capacity": capacity,
            "num_training_cycles": num_training_cycles,
        }
        for field, value in counts.items():
            if value < 1:
                raise ValueError(f"{name}: {field} is {value}; it must be at least 1.")
        if num_levels % num_plays != 0:
            raise ValueError(
                f"{name}: num_plays is {num_plays}; it must divide num_levels, {num_levels}."
            )
        if capacity > num_candidates:
            raise ValueError(
                f"{name}: capacity is {capacity}, more than the num_candidates, {num_candidates}."
            )
        if not 0 <= replay_share <= 1:
            raise ValueError(f"{name}: replay_share is {replay_share}; it must be in [0, 1].")
        # The share as it is written: 0.575 of 100 is 57.5 levels, and not a little less.
        num_replayed = round(Fraction(str(replay_share)) * num_levels)
        if num_replayed == 0:
            raise ValueError(
                f"{name}: replay_share is {replay_share}; of {num_levels} levels that is none, so "
                "that nothing found would ever be played. Raise replay_share, or use "
                "DomainRandomisation, which does not search."
            )
        score = Learnability() if score is None else score
        check_memoryless(name, score)
        level_spec = eqx.filter_eval_shape(generator.sample, jax.random.key(0))
        return cls(
            generator=generator,
            score=score,
            buffer=LevelBuffer.empty(level_spec, capacity, admission=BeatTheLowestScore()),
            phase=jnp.zeros((), jnp.int32),
            num_levels=num_levels,
            num_replayed=num_replayed,
            num_plays=num_plays,
            num_search_cycles=-(-num_candidates * num_plays // num_levels),  # rounded up
            num_training_cycles=num_training_cycles,
        )

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        self.score.check(num_students, self.num_plays * num_trials, num_value_heads)

    def propose(
        self, key: Key[Array, ""]
    ) -> tuple["SamplingForLearnability[Level]", Proposal[Level]]:
        level_key, slot_key = jax.random.split(key)
        levels = jax.vmap(self.generator.sample)(jax.random.split(level_key, self.num_levels))
        searching = self.phase < self.num_search_cycles
        num_kept = self.buffer.num_filled
        slots = jax.random.randint(
            slot_key, (self.num_levels,), 0, jnp.maximum(num_kept, 1), jnp.int32
        )
        index = jnp.arange(self.num_levels, dtype=jnp.int32)
        replayed = (index < self.num_replayed) & (num_kept > 0) & ~searching
        repetitions = index // self.num_plays

        def choose(generated, kept):
            searched = jnp.where(searching, generated[repetitions], generated)
            mask = replayed.reshape(-1, *(1,) * (generated.ndim - 1))
            return jnp.where(mask, kept, searched)

        proposal = Proposal(
            jax.tree.map(choose, levels, self.buffer.at(slots)),
            update_students=~searching,
            groups={"new": ~replayed, "replayed": replayed},
        )
        return self, proposal

    def learn(
        self, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple["SamplingForLearnability[Level]", dict[str, Float[Array, ""]]]:
        del key

        def search(buffer):
            plays = jax.tree.map(self._by_candidate, evidence)
            scores, _ = self.score(plays, None)
            finished = jnp.any(finished_episodes(plays) > 0, axis=0)
            candidates = jax.tree.map(lambda leaf: leaf[:: self.num_plays], proposal.levels)
            scores = Copies.of(candidates).mean_score(scores, finished)
            return _cleared_if(buffer, self.phase == 0).update(candidates, scores)

        searching = self.phase < self.num_search_cycles
        buffer = filter_cond(searching, search, lambda buffer: buffer, self.buffer)
        period = self.num_search_cycles + self.num_training_cycles
        curriculum = dataclasses.replace(self, buffer=buffer, phase=(self.phase + 1) % period)
        statistics = buffer.statistics()
        metrics = {f"buffer_{name}": statistics[name] for name in ("fill_ratio", "mean_score")}
        metrics["searching"] = searching.astype(jnp.float32)
        return curriculum, metrics

    def _by_candidate(self, leaf: Array) -> Array:
        """Repetitions of a level count as its trials."""
        students, time, levels, trials, *rest = leaf.shape
        return leaf.reshape(
            students, time, levels // self.num_plays, self.num_plays * trials, *rest
        )


def _cleared_if(buffer: LevelBuffer, condition: Bool[Array, ""]) -> LevelBuffer:
    return dataclasses.replace(
        buffer,
        filled=buffer.filled & ~condition,
        scores=jnp.where(condition, -jnp.inf, buffer.scores),
    )
