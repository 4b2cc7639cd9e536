"""ReMiDi: level buffers one after another, each for what those before it left undecided."""

import dataclasses
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics, join_metrics
from .._ranges import check_at_least
from .._types import Level, PyTree
from .._xla._filtered import filter_cond
from ..rollouts import Evidence
from ..rollouts._same_actions import seen_elsewhere
from ._curriculum import AbstractCurriculum, Proposal
from ._level_buffer import share_of
from ._level_replay import LevelReplay, LevelReplayState
from ._spent import Spent
from ._stored import StoredLevels


class ReMiDiState(eqx.Module, Generic[Level]):
    """The level replay of now, and the buffers before it, which never change again."""

    replay: LevelReplayState[Level]
    earlier: Level  # leading axes: buffer slot
    filled: Bool[Array, "buffer slot"]
    num_buffers: Int[Array, ""]  # how many came before
    num_updates: Int[Array, ""]  # since this buffer began
    num_steps: int = eqx.field(static=True)  # of a play


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

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> ReMiDiState[Level]:
        replay = self.replay.init(evidence, key=key)
        zero, before = jnp.zeros((), jnp.int32), self.num_buffers - 1
        earlier, filled = jax.tree.map(
            lambda leaf: jnp.stack([leaf] * before), (replay.buffer.levels, replay.buffer.filled)
        )
        return ReMiDiState(replay, earlier, filled, zero, zero, evidence.rewards.shape[1])

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
        shape = evidence.rewards.shape
        if shape[1] != state.num_steps:
            raise ValueError(
                f"ReMiDi compares whole plays, and these of {state.num_steps} steps are cut into "
                f"rollouts of {shape[1]}; use rollouts_per_play=1 with a larger num_steps."
            )
        earlier = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), state.earlier)
        filled = state.filled.reshape(-1)

        def decided():
            def of_a_play(*play):
                return seen_elsewhere(evidence.env, earlier, filled, play, key=key)

            of_a_level = jax.vmap(of_a_play, in_axes=1, out_axes=1)
            of_a_student = jax.vmap(of_a_level, in_axes=1, out_axes=1)
            return jax.vmap(of_a_student)(evidence.observations, evidence.actions, evidence.dones)

        is_decided = jax.lax.cond(state.num_buffers > 0, decided, lambda: jnp.zeros(shape, bool))
        return (~is_decided).astype(jnp.float32)

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
        accepted = ~refused[None, None, :, None]
        evidence = dataclasses.replace(
            evidence,
            terminated=evidence.terminated & accepted,
            truncated=evidence.truncated & accepted,
        )
        replay, measured = self.replay.learn(state.replay, proposal, evidence, key=key)
        updated = True if proposal.update_students is None else proposal.update_students
        num_updates = state.num_updates + jnp.asarray(updated, jnp.int32)
        state = dataclasses.replace(state, replay=replay, num_updates=num_updates)
        is_over = (num_updates >= self.updates_per_buffer) & (
            state.num_buffers < self.num_buffers - 1
        )
        state = filter_cond(is_over, self._with_next_buffer, lambda state: state, state)
        own = {
            "earlier_buffers": state.num_buffers.astype(jnp.float32),
            "decided_steps": share_of(decided.reshape(-1)),
            "refused_levels": share_of(refused),
        }
        return state, join_metrics([("LevelReplay", measured), ("ReMiDi", own)])

    def stored(self, state: ReMiDiState[Level]) -> StoredLevels[Level] | None:
        return self.replay.stored(state.replay)

    def _with_next_buffer(self, state: ReMiDiState[Level]) -> ReMiDiState[Level]:
        replay, place = state.replay, state.num_buffers
        levels, filled = replay.buffer.levels, replay.buffer.filled
        empty = dataclasses.replace(
            replay.buffer,
            filled=jnp.zeros_like(filled),
            scores=jnp.full_like(replay.buffer.scores, -jnp.inf),
        )
        prioritisation = self.replay.prioritisation.init(self.replay.capacity)
        return ReMiDiState(
            dataclasses.replace(replay, buffer=empty, prioritisation=prioritisation),
            jax.tree.map(lambda e, now: e.at[place].set(now), state.earlier, levels),
            state.filled.at[place].set(filled),
            place + 1,
            jnp.zeros_like(state.num_updates),
            state.num_steps,
        )
