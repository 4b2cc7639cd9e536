"""Level replay: one curriculum that is PLR, robust PLR, ACCEL or a parallel form of them."""

import dataclasses
from typing import Any, Generic, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import join_metrics
from .._types import Level, PyTree, Record
from .._xla._filtered import filter_update_if
from ..envs import AbstractLevelGenerator, AbstractLevelMutator
from ..rollouts import finished_episodes
from ..rollouts._evidence import Evidence
from ..scores import AbstractScore
from ._admission import AbstractAdmission
from ._copies import Copies
from ._curriculum import AbstractCurriculum, Proposal
from ._level_buffer import LevelBuffer, share_of
from ._level_source import AbstractLevelSource, Sampled
from ._prioritisation import AbstractPrioritisation
from ._replay_options import (
    check_mutator,
    check_parents,
    check_ranges,
    check_something_is_replayed,
    check_source,
)

NEW, REPLAYED, MUTATED = range(3)
KINDS = {"new": NEW, "replayed": REPLAYED, "mutated": MUTATED}


def _scalar(value: Any) -> Float[Array, ""]:
    return jnp.asarray(value, jnp.float32)


class Mutants(eqx.Module, Generic[Level]):
    """Mutated levels that wait for a cycle of their own; they are stale unless `waiting`."""

    levels: Level  # leading axis: level
    num_mutations: Int[Array, " level"]
    waiting: Bool[Array, ""]


class ReplayMemory(eqx.Module):
    """What level replay wants to know of its proposal afterwards."""

    kinds: Int[Array, " level"]
    num_mutations: Int[Array, " level"]
    source: PyTree  # what the source of new levels wants back


class LevelReplay(AbstractCurriculum[Level], Generic[Level, Record]):
    """Replays levels that looked useful, and perhaps edits them; make it with `LevelReplay.create`.

    | method | robust | mutator | parallel |
    | --- | --- | --- | --- |
    | PLR (Jiang et al. 2021, arXiv 2010.03934) | no | none | no |
    | robust PLR (Jiang et al. 2021, arXiv 2110.02439) | yes | none | no |
    | ACCEL (Parker-Holder et al. 2022, arXiv 2203.01302) | yes | given | no |
    | parallel PLR, parallel ACCEL (Jiang et al. 2023, arXiv 2311.12716) | yes | perhaps | yes |

    A cycle of the sequential form plays levels of one kind: new, replayed or mutated. A cycle that
    replayed is followed by one that plays mutants of what it replayed, if there is a mutator. The
    parallel form plays all kinds side by side in every cycle, the replayed levels first.

    Students learn from replayed levels, and unless `robust` from new ones too; never from mutants.
    All that was played, and finished an episode, is scored and offered to the level buffer. A level
    that was played several times in one cycle is scored as if those plays were its trials: what
    all of them add to its record counts for each, and their mean is its score.
    """

    generator: AbstractLevelSource[Level, Any]
    score: AbstractScore[Record]
    buffer: LevelBuffer[Level, Record]
    mutator: AbstractLevelMutator[Level] | None
    mutants: Mutants[Level] | None
    replay_prob: Float[Array, ""] = eqx.field(converter=_scalar)
    min_fill_ratio: Float[Array, ""] = eqx.field(converter=_scalar)
    num_levels: int = eqx.field(static=True)  # of all kinds together
    robust: bool = eqx.field(static=True)
    parallel: bool = eqx.field(static=True)
    parents: Literal["batch", "easiest", "hardest"] = eqx.field(static=True)
    num_parents: int = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        generator: AbstractLevelGenerator[Level] | AbstractLevelSource[Level, Any],
        score: AbstractScore[Record],
        *,
        mutator: AbstractLevelMutator[Level] | None = None,
        batch_size: int = 32,
        capacity: int = 4000,
        prioritisation: AbstractPrioritisation | None = None,
        staleness_coef: float | Float[Array, ""] = 0.3,
        replay_prob: float | Float[Array, ""] | None = None,
        min_fill_ratio: float | Float[Array, ""] = 0.5,
        robust: bool = True,
        parallel: bool = False,
        parents: Literal["batch", "easiest", "hardest"] = "batch",
        num_parents: int = 4,
        admission: AbstractAdmission | None = None,
    ) -> "LevelReplay[Level, Record]":
        """Level replay with an empty buffer.

        Arguments:

        - `generator`: where new levels come from. A `LearnedGenerator` is paid the score of each of
          its levels (REPAIRED); it needs the sequential form.
        - `score`: how useful a level looks; see `minimax_eqx.scores`.
        - `mutator`: edits replayed levels (ACCEL); without one there are no mutants.
        - `batch_size`: levels of one kind that a cycle plays.
        - `capacity`, `prioritisation`, `staleness_coef`, `admission`: see `LevelBuffer`.
        - `replay_prob`: chance that a cycle replays rather than plays new levels; 0.5 if not given.
          The parallel form always does both. It may be 0 without `robust` and `mutator` only.
        - `min_fill_ratio`: nothing is replayed before this share of the buffer is filled.
        - `robust`: students learn from replayed levels only.
        - `parallel`: kinds of level are played side by side.
        - `parents`: what is edited: the batch replayed; or only the `num_parents` of it with the
          lowest (`"easiest"`) or highest (`"hardest"`) scores, each several times.

        Raises `ValueError`, naming the argument, for a value out of its range, unless it is traced,
        and for parts that do not fit together.
        """
        check_ranges(capacity, batch_size, replay_prob, min_fill_ratio, parallel)
        check_something_is_replayed(replay_prob, robust, mutator)
        check_parents(parents, num_parents, batch_size, mutator)
        source = Sampled(generator) if isinstance(generator, AbstractLevelGenerator) else generator
        check_source(source, capacity, min_fill_ratio, parallel)
        level_spec = source.level_spec()
        mutants = None
        if mutator is not None:
            check_mutator(mutator, level_spec)
            if not parallel:
                mutants = Mutants(
                    jax.tree.map(lambda s: jnp.zeros((batch_size, *s.shape), s.dtype), level_spec),
                    jnp.zeros(batch_size, jnp.int32),
                    jnp.zeros((), bool),
                )
        buffer = LevelBuffer.empty(
            level_spec,
            capacity,
            prioritisation=prioritisation,
            staleness_coef=staleness_coef,
            record=score.init(),
            admission=admission,
        )
        if buffer.prioritisation.needs_nonnegative_scores and score.can_be_negative:
            raise ValueError(
                f"prioritisation: {type(buffer.prioritisation).__name__} needs scores that are "
                f"never negative, and those of {type(score).__name__} can be; use Rank."
            )
        if replay_prob is None:
            replay_prob = 1.0 if parallel else 0.5
        return cls(
            generator=source,
            score=score,
            buffer=buffer,
            mutator=mutator,
            mutants=mutants,
            replay_prob=replay_prob,
            min_fill_ratio=min_fill_ratio,
            num_levels=batch_size * _num_kinds_at_once(parallel, mutator),
            robust=robust,
            parallel=parallel,
            parents=parents,
            num_parents=num_parents,
        )

    @property
    def batch_size(self) -> int:
        """Levels of one kind that a cycle plays."""
        return self.num_levels // _num_kinds_at_once(self.parallel, self.mutator)

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        self.score.check(num_students, num_trials, num_value_heads)

    def propose(self, key: Key[Array, ""]) -> tuple["LevelReplay[Level, Record]", Proposal[Level]]:
        buffer, levels, memory = self._side_by_side(key) if self.parallel else self._one_kind(key)
        kinds = memory.kinds
        proposal = Proposal(
            levels,
            update_students=self._update_students(kinds),
            num_update_levels=self._num_update_levels,
            groups={name: kinds == KINDS[name] for name in self._kinds_played},
            memory=memory,
        )
        return dataclasses.replace(self, buffer=buffer), proposal

    def learn(
        self, proposal: Proposal[Level], evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple["LevelReplay[Level, Record]", dict[str, Float[Array, ""]]]:
        pay_key, mutate_key = jax.random.split(key)
        levels, memory = proposal.levels, proposal.memory
        finished = jnp.any(finished_episodes(evidence) > 0, axis=0)
        copies = Copies.of(levels)
        records = self.buffer.records_of(levels, self.score.init())
        scores, news = self._scored(evidence, records, copies, finished)
        generator, source_metrics = self._pay(memory, scores, key=pay_key)
        scores = copies.mean_score(scores, finished)
        buffer = self.buffer.update(
            levels,
            scores,
            records=records,
            news=news,
            merge=self.score.merge,
            num_mutations=copies.least(memory.num_mutations),
        )
        mutants = stale = self.mutants
        if stale is not None:
            mutants = jax.lax.cond(
                memory.kinds[0] == REPLAYED,
                lambda: Mutants(
                    *self._mutate(levels, scores, memory.num_mutations, key=mutate_key),
                    jnp.ones((), bool),
                ),
                lambda: Mutants(stale.levels, stale.num_mutations, jnp.zeros((), bool)),
            )
        own_metrics = {f"buffer_{name}": value for name, value in buffer.statistics().items()}
        own_metrics["replay_ratio"] = share_of(memory.kinds == REPLAYED)
        metrics = join_metrics(
            [(type(generator).__name__, source_metrics), ("LevelReplay", own_metrics)]
        )
        curriculum = dataclasses.replace(self, generator=generator, buffer=buffer, mutants=mutants)
        return curriculum, metrics

    @property
    def _kinds_played(self) -> tuple[str, ...]:
        return ("new", "replayed") if self.mutator is None else ("new", "replayed", "mutated")

    @property
    def _num_update_levels(self) -> int | None:
        if not self.parallel:
            return None
        return self.batch_size if self.robust else 2 * self.batch_size

    def _update_students(self, kinds: Int[Array, " level"]) -> Bool[Array, ""] | None:
        if self.robust:
            return kinds[0] == REPLAYED
        return None if self.parallel or self.mutator is None else kinds[0] != MUTATED

    def _can_replay(self) -> Bool[Array, ""]:
        return self.buffer.is_filled_to(self.min_fill_ratio)

    def _scored(
        self,
        evidence: Evidence,
        records: Record,
        copies: Copies,
        finished: Bool[Array, " level"],
    ) -> tuple[Float[Array, " level"], Record]:
        """The scores, with what copies of a level add to its record, and what each play adds."""
        scores, news = self.score(evidence, records)
        if jax.tree.leaves(news):
            # Once more, which costs little: XLA computes what is the same in both only once.
            known = copies.with_news_of_others(records, news, self.score.merge, finished)
            scores, _ = self.score(evidence, known)
        return scores, news

    def _pay(
        self, memory: ReplayMemory, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple[AbstractLevelSource[Level, Any], dict[str, Array]]:
        """The source of new levels learns from what those were worth, if it can."""
        if not self.generator.learns:
            return self.generator, {}
        return filter_update_if(
            memory.kinds[0] == NEW,
            lambda generator: generator.learn(memory.source, payoffs, key=key),
            self.generator,
        )

    def _one_kind(
        self, key: Key[Array, ""]
    ) -> tuple[LevelBuffer[Level, Record], Level, ReplayMemory]:
        choose_key, new_key, replay_key = jax.random.split(key, 3)
        replay = self._can_replay() & jax.random.bernoulli(choose_key, self.replay_prob)
        kind = jnp.where(replay, jnp.int32(REPLAYED), jnp.int32(NEW))

        def new():
            older = self.buffer.grow_older(self.batch_size)
            levels, source_memory = self.generator.draw(self.batch_size, key=new_key)
            return older.ages, levels, jnp.zeros(self.batch_size, jnp.int32), source_memory

        def nothing_drawn():
            return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(new)[-1])

        def replayed():
            older, slots = self.buffer.sample(self.batch_size, key=replay_key)
            num_mutations = self.buffer.num_mutations[slots]
            return older.ages, self.buffer.at(slots), num_mutations, nothing_drawn()

        def mutated():
            assert mutants is not None
            return self.buffer.ages, mutants.levels, mutants.num_mutations, nothing_drawn()

        branches = [new, replayed]
        mutants = self.mutants
        if mutants is not None:
            kind = jnp.where(mutants.waiting, jnp.int32(MUTATED), kind)
            branches.append(mutated)
        ages, levels, num_mutations, source_memory = jax.lax.switch(kind, branches)
        kinds = jnp.broadcast_to(kind, (self.batch_size,))
        buffer = dataclasses.replace(self.buffer, ages=ages)
        return buffer, levels, ReplayMemory(kinds, num_mutations, source_memory)

    def _side_by_side(
        self, key: Key[Array, ""]
    ) -> tuple[LevelBuffer[Level, Record], Level, ReplayMemory]:
        """The replayed levels come first, then new ones, then mutants of those replayed. Until
        there is something to replay all are new."""
        new_key, replay_key, mutate_key = jax.random.split(key, 3)
        fresh, _ = self.generator.draw(self.num_levels, key=new_key)
        size = self.batch_size

        def all_new():
            none = jnp.zeros(self.num_levels, jnp.int32)
            older = self.buffer.grow_older(size)
            return older.ages, fresh, none, jnp.full(self.num_levels, NEW, jnp.int32)

        def replay():
            older, slots = self.buffer.sample(size, key=replay_key)
            replayed, num_mutations = self.buffer.at(slots), self.buffer.num_mutations[slots]
            new = jax.tree.map(lambda leaf: leaf[:size], fresh)
            levels, counts = [replayed, new], [num_mutations, jnp.zeros_like(num_mutations)]
            if self.mutator is not None:
                mutants, more = self._mutate(
                    replayed, self.buffer.scores[slots], num_mutations, key=mutate_key
                )
                levels.append(mutants)
                counts.append(more)
            kinds = jnp.array([REPLAYED, NEW, MUTATED], jnp.int32)[: len(levels)]
            joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)
            return older.ages, joined, jnp.concatenate(counts), jnp.repeat(kinds, size)

        ages, levels, num_mutations, kinds = jax.lax.cond(self._can_replay(), replay, all_new)
        buffer = dataclasses.replace(self.buffer, ages=ages)
        return buffer, levels, ReplayMemory(kinds, num_mutations, None)

    def _mutate(
        self,
        levels: Level,
        scores: Float[Array, " level"],
        num_mutations: Int[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[Level, Int[Array, " level"]]:
        """One mutant for each of a batch of levels, or several for each of the parents chosen."""
        mutator = self.mutator
        assert mutator is not None
        parent = jnp.arange(self.batch_size, dtype=jnp.int32)
        if self.parents != "batch":
            # A level without a score is chosen last.
            order = jnp.where(scores > -jnp.inf, scores, jnp.inf)
            order = jnp.argsort(order if self.parents == "easiest" else -scores)
            parent = order[parent % self.num_parents]
        chosen = jax.tree.map(lambda leaf: leaf[parent], levels)
        mutants = jax.vmap(lambda level, key: mutator.mutate(level, key=key))(
            chosen, jax.random.split(key, self.batch_size)
        )
        return mutants, num_mutations[parent] + 1


def _num_kinds_at_once(parallel: bool, mutator: AbstractLevelMutator | None) -> int:
    if not parallel:
        return 1
    return 2 if mutator is None else 3
