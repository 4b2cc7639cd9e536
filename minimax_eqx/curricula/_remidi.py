"""ReMiDi: level buffers one after another, each for what those before it left undecided."""

import dataclasses
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._metrics import Metrics, join_metrics
from .._ranges import check_at_least
from .._types import Level, PyTree
from .._xla._filtered import filter_cond
from ..rollouts import Evidence
from ._curriculum import AbstractCurriculum, Proposal
from ._earlier_buffers import EarlierBuffers, without_ends_on
from ._level_buffer import share_of
from ._level_replay import LevelReplay, LevelReplayState, with_empty_buffer
from ._spent import Spent
from ._stored import StoredLevels


class ReMiDiState(eqx.Module, Generic[Level]):
    """The level replay of now, and the buffers before it."""

    replay: LevelReplayState[Level]
    earlier: EarlierBuffers[Level]
    num_updates: Int[Array, ""]  # since this buffer began


class ReMiDi(AbstractCurriculum[Level, ReMiDiState], Generic[Level]):
    """Refines minimax regret (Beukman et al. 2024, arXiv 2402.12284): buffers in sequence.

    Where a student sees only a part of its world, some levels have a regret that cannot be reduced,
    and level replay sticks to them. Here level replay fills one buffer after another. While the
    student plays, all levels of earlier buffers are stepped with the same actions. Where one and
    the same of them has shown all that the student saw of its episode so far, an earlier buffer has
    decided what to do, and the student does not learn from that step. A new level or a mutant with
    no other steps is refused: it counts as one on which nobody finished an episode.

    Observations are compared as they are, numbers up to rounding. The environment should be without
    chance. Plays must be of one rollout.
    """

    replay: LevelReplay[Level]
    """What fills each buffer."""
    num_buffers: int = 4
    """How many buffers there are; students learn from the last one for good."""
    updates_per_buffer: int = 1000
    """After how many updates the next buffer begins, empty."""

    def __check_init__(self) -> None:
        check_at_least(self, 2, "num_buffers")
        check_at_least(self, 1, "updates_per_buffer")

    @property
    def levels_per_cycle(self) -> int:
        return self.replay.levels_per_cycle

    def check_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> None:
        self.replay.check_levels(level)

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> ReMiDiState[Level]:
        replay = self.replay.init(evidence, key=key)
        earlier = EarlierBuffers.none_of(self.num_buffers - 1, replay.buffer, evidence)
        return ReMiDiState(replay, earlier, jnp.zeros((), jnp.int32))

    def propose(
        self, state: ReMiDiState[Level], *, key: Key[Array, ""]
    ) -> tuple[ReMiDiState[Level], Proposal[Level]]:
        replay, proposal = self.replay.propose(state.replay, key=key)
        return dataclasses.replace(state, replay=replay), proposal

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent | None:
        return self.replay.spent(level, num_cycles=num_cycles, num_updated=num_updated)

    def weights(
        self,
        state: ReMiDiState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> Float[Array, "student time level trial"]:
        """0 where an earlier buffer has decided what to do, and 1 elsewhere."""
        del proposal
        return (~state.earlier.have_decided(evidence, key=key)).astype(jnp.float32)

    def learn(
        self,
        state: ReMiDiState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[ReMiDiState[Level], Metrics]:
        weights = jnp.ones(()) if evidence.weights is None else evidence.weights
        decided = jnp.broadcast_to(weights == 0, evidence.rewards.shape)
        assert proposal.groups is not None
        refused = jnp.all(decided, axis=(0, 1, 3)) & ~proposal.groups["replayed"]
        evidence = without_ends_on(refused, evidence)
        replay, measured = self.replay.learn(state.replay, proposal, evidence, key=key)
        updated = True if proposal.update_students is None else proposal.update_students
        num_updates = state.num_updates + jnp.asarray(updated, jnp.int32)
        state = ReMiDiState(replay, state.earlier, num_updates)
        is_over = (num_updates >= self.updates_per_buffer) & (
            state.earlier.num_buffers < self.num_buffers - 1
        )
        state = filter_cond(is_over, self._with_next_buffer, lambda state: state, state)
        own = {
            "earlier_buffers": state.earlier.num_buffers.astype(jnp.float32),
            "decided_steps": share_of(decided.reshape(-1)),
            "refused_levels": share_of(refused),
        }
        return state, join_metrics([("LevelReplay", measured), ("ReMiDi", own)])

    def stored(self, state: ReMiDiState[Level]) -> StoredLevels[Level] | None:
        return self.replay.stored(state.replay)

    def _with_next_buffer(self, state: ReMiDiState[Level]) -> ReMiDiState[Level]:
        earlier = state.earlier.and_then(state.replay.buffer)
        replay = with_empty_buffer(self.replay, state.replay)
        return ReMiDiState(replay, earlier, jnp.zeros_like(state.num_updates))
