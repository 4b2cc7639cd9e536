"""Level replay: one curriculum that is PLR, robust PLR, ACCEL, REPAIRED or a parallel form."""

import dataclasses
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics, join_metrics
from .._types import Level, PyTree, Scalar
from ..envs import AbstractLevelGenerator, AbstractLevelMutator
from ..rollouts import Evidence
from ..scores import AbstractScore, MaxMC
from ._admission import AbstractAdmission, BeatTheLeastLikely
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_chooses, check_edits_levels
from ._keys import key_aside
from ._kinds import Kind
from ._lessons import AbstractLessons, Replayed
from ._level_buffer import LevelBuffer, share_of
from ._level_source import AbstractLevelSource, as_source, learn_if, show
from ._parents import AbstractParents, WholeBatch
from ._prioritisation import AbstractPrioritisation, Rank
from ._replay_checks import check_can_be_filled, check_parts_fit
from ._replay_rules import ReplayRules
from ._schedules import AbstractSchedule, ReplayMemory, Sequential
from ._scoring import named_metrics, not_scored, score_played
from ._spent import Spent
from ._stock import Stock
from ._stored import StoredLevels


class LevelReplayState(eqx.Module, Generic[Level]):
    """What level replay has learned: its stored levels, and the states of its parts."""

    buffer: LevelBuffer[Level, PyTree]
    blank_record: PyTree  # that of a level never played
    source: PyTree
    score: PyTree
    prioritisation: PyTree
    schedule: PyTree


class LevelReplay(AbstractCurriculum[Level, LevelReplayState], Generic[Level]):
    """Replays levels that looked useful, and perhaps edits them.

    | method | generator | learn_from | mutator | schedule |
    | --- | --- | --- | --- | --- |
    | PLR (Jiang et al. 2021, arXiv 2010.03934) | any | `NewAndReplayed()` | | `Sequential()` |
    | robust PLR (Jiang et al. 2021, arXiv 2110.02439) | any | the default | | `Sequential()` |
    | REPAIRED (arXiv 2110.02439) | `LearnedGenerator` | the default | | `Sequential()` |
    | ACCEL (Parker-Holder et al. 2022, arXiv 2203.01302) | any | the default | one | \
`Sequential()` |
    | parallel PLR (Jiang et al. 2023, arXiv 2311.12716) | any | the default | | `SideBySide()` |
    | parallel ACCEL (arXiv 2311.12716) | any | the default | one | `SideBySide()` |

    All that was played, and finished an episode, is scored and offered to the level buffer. A level
    that was played several times in one cycle is scored as if those plays were its trials: what all
    of them add to its record counts for each, and their mean is its score.
    """

    generator: AbstractLevelGenerator[Level] | AbstractLevelSource[Level, PyTree, PyTree]
    """Where new levels come from. A `LearnedGenerator` is paid the score of each of its levels."""
    score: AbstractScore = MaxMC()
    """How useful a level looks for learning."""
    num_levels: int = 32
    """How many levels of one kind a cycle plays."""
    capacity: int = 4000
    """How many levels are stored at most."""
    schedule: AbstractSchedule = Sequential()
    """Which kinds of level a cycle plays: one kind, or all side by side."""
    prioritisation: AbstractPrioritisation = Rank()
    """How scores become chances of being replayed."""
    staleness_coef: Scalar = 0.3
    """Share of the chances that goes by how long ago a level was replayed, not by its score."""
    uniform_share: Scalar | None = None
    """Share of the chances that goes to all stored levels alike; none is the same as 0."""
    min_fill_ratio: Scalar = 0.5
    """Nothing is replayed before this share of the capacity is filled."""
    admission: AbstractAdmission = BeatTheLeastLikely()
    """Which stored level a newcomer has to beat."""
    mutator: AbstractLevelMutator[Level] | None = None
    """How replayed levels are edited; without one none is."""
    parents: AbstractParents = WholeBatch()
    """Which of the replayed levels are edited."""
    learn_from: AbstractLessons = Replayed()
    """Which kinds of level the students learn from."""

    def __check_init__(self) -> None:
        check_parts_fit(self)

    @property
    def levels_per_cycle(self) -> int:
        kinds = (Kind.NEW, Kind.REPLAYED, *([] if self.mutator is None else [Kind.MUTATED]))
        return self.num_levels * self.schedule.num_kinds_at_once(kinds)

    def check_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> None:
        check_can_be_filled(self, level)

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> LevelReplayState[Level]:
        level = evidence.level_spec()
        source = as_source(self.generator).init(level, key=key)
        record, score = self.score.init(evidence, key=key_aside(key))
        if self.mutator is not None:
            check_edits_levels(self.mutator, level)
            check_chooses(self.parents, self.num_levels)
        buffer = LevelBuffer.empty(level, self.capacity, record=record)
        prioritisation = self.prioritisation.init(self.capacity)
        state = LevelReplayState(buffer, record, source, score, prioritisation, None)
        return dataclasses.replace(state, schedule=self.schedule.init(_stock_of(self, state)))

    def propose(
        self, state: LevelReplayState[Level], *, key: Key[Array, ""]
    ) -> tuple[LevelReplayState[Level], Proposal[Level]]:
        ages, proposal = self.schedule.propose(state.schedule, _stock_of(self, state), key=key)
        buffer = dataclasses.replace(state.buffer, ages=ages)
        return dataclasses.replace(state, buffer=buffer), proposal

    def learn(
        self,
        state: LevelReplayState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[LevelReplayState[Level], Metrics]:
        pay_key, edit_key = jax.random.split(key)
        memory, stock = proposal.memory, _stock_of(self, state)
        played = score_played(
            self.score,
            state.score,
            evidence,
            proposal.levels,
            buffer=state.buffer,
            blank_record=state.blank_record,
        )
        is_new = memory.kinds[0] == Kind.NEW
        source, learned = learn_if(
            is_new, stock.source, state.source, memory.source, played.payoffs, key=pay_key
        )
        source, watched = show(stock.source, source, evidence, key=key_aside(pay_key))
        buffer = played.offer_to(state.buffer, stock.rules, memory.num_mutations, memory.parents)
        prioritisation = self.prioritisation.update(
            state.prioritisation,
            state.buffer,
            buffer,
            played.slots_in(buffer),
            jnp.asarray(True if proposal.update_students is None else proposal.update_students),
        )
        schedule = self.schedule.learn(state.schedule, stock, proposal, played.scores, key=edit_key)
        state = LevelReplayState(
            buffer, state.blank_record, source, played.state, prioritisation, schedule
        )
        return state, _metrics(self, state, memory, played.scores, learned | watched)

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent:
        return _spent(self, level, num_cycles, num_updated)

    def stored(self, state: LevelReplayState[Level]) -> StoredLevels[Level]:
        return _stock_of(self, state).stored()


def with_empty_buffer(
    replay: LevelReplay[Level], state: LevelReplayState[Level]
) -> LevelReplayState[Level]:
    """The state with nothing stored, and whatever else was learned."""
    buffer = state.buffer.emptied_if(jnp.array(True))
    prioritisation = replay.prioritisation.init(replay.capacity)
    return dataclasses.replace(state, buffer=buffer, prioritisation=prioritisation)


def _spent(
    replay: LevelReplay, level: PyTree[jax.ShapeDtypeStruct], num_cycles: int, num_updated: int
) -> Spent:
    """Where students learn from replayed levels alone, the cycles in which they did are those that
    replayed, and each of them gives mutants; otherwise nobody has counted."""
    lessons, size = replay.learn_from.kinds, replay.num_levels
    learned = num_updated * size * replay.schedule.num_kinds_at_once(lessons)
    if lessons != (Kind.REPLAYED,):
        return Spent(learned)
    mutated = None if replay.mutator is None else num_updated * size
    steps, designing = as_source(replay.generator).steps_per_level(level), None
    if steps is not None:
        designing = max(num_cycles * size - learned - (mutated or 0), 0) * steps
    return Spent(learned, levels_mutated=mutated, steps_designing=designing)


def _stock_of(replay: LevelReplay[Level], state: LevelReplayState[Level]) -> Stock[Level]:
    """What the schedule works with in one cycle."""
    rules = ReplayRules(
        replay.prioritisation,
        state.prioritisation,
        replay.staleness_coef,
        replay.admission,
        replay.uniform_share,
    )
    return Stock(
        num_levels=replay.num_levels,
        source=as_source(replay.generator),
        source_state=state.source,
        buffer=state.buffer,
        rules=rules,
        min_fill_ratio=replay.min_fill_ratio,
        mutator=replay.mutator,
        parents=replay.parents,
        learned_from=replay.learn_from.kinds,
    )


def _metrics(
    replay: LevelReplay,
    state: LevelReplayState,
    memory: ReplayMemory,
    scores: Float[Array, " level"],
    learned: Metrics,
) -> Metrics:
    """The metrics of a cycle, whose levels had these scores, and in which the source of new levels
    `learned` what it says."""
    rules = _stock_of(replay, state).rules
    statistics = state.buffer.statistics(rules.replay_distribution(state.buffer))
    own = {f"buffer_{name}": value for name, value in statistics.items()}
    own["replay_ratio"] = share_of(memory.kinds == Kind.REPLAYED)
    own |= not_scored(scores)
    return join_metrics(
        [
            (f"the generator {type(replay.generator).__name__}", learned),
            (
                f"the score {type(replay.score).__name__}",
                named_metrics("score", replay.score, state.score),
            ),
            ("LevelReplay", own),
        ]
    )
