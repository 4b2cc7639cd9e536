"""What the levels of a cycle are made of, in level replay."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._fingerprint import fingerprints
from .._types import Level, PyTree, Scalar
from ..envs import AbstractLevelMutator
from ._kinds import Kind
from ._level_buffer import LevelBuffer, num_slots
from ._level_source import AbstractLevelSource
from ._parents import AbstractParents
from ._replay_rules import ReplayRules
from ._stored import StoredLevels


class Stock(eqx.Module, Generic[Level]):
    """What a schedule chooses from: the source of new levels, the level buffer, the mutator.

    Level replay makes one in every cycle, of its parts and their states.
    """

    num_levels: int
    """How many levels of one kind a cycle plays."""
    source: AbstractLevelSource
    source_state: PyTree
    buffer: LevelBuffer
    rules: ReplayRules
    min_fill_ratio: Scalar
    mutator: AbstractLevelMutator[Level] | None
    parents: AbstractParents
    learned_from: tuple[Kind, ...]
    """The kinds of level that the students learn from."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of level that there are; mutants only if there is a mutator."""
        kinds = (Kind.NEW, Kind.REPLAYED)
        return kinds if self.mutator is None else (*kinds, Kind.MUTATED)

    def can_replay(self) -> Bool[Array, ""]:
        """Whether enough levels are stored."""
        return self.buffer.is_filled_to(self.min_fill_ratio)

    def stored(self) -> StoredLevels[Level]:
        """The stored levels, as people look at them."""
        buffer, rules = self.buffer, self.rules
        by_score, by_age = rules.shares(buffer)
        return StoredLevels.of(
            buffer,
            rules.replay_distribution(buffer),
            by_score=by_score,
            by_age=by_age,
            ages=buffer.ages,
            num_mutations=buffer.num_mutations,
            parents=None if self.mutator is None else buffer.notes.parents,
            needed=num_slots(self.min_fill_ratio, buffer.capacity),
        )

    def make(self, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, PyTree]:
        """New levels, and what their source wants back."""
        return self.source.draw(self.source_state, num_levels, key=key)

    def ages_without_draws(self) -> Int[Array, " capacity"]:
        """The ages in the buffer after a cycle without replay."""
        return self.buffer.grow_older(self.num_levels).ages

    def draw(self, *, key: Key[Array, ""]) -> tuple[Int[Array, " capacity"], Int[Array, " level"]]:
        """The ages in the buffer after levels were drawn for replay, and the slots drawn."""
        older, slots = self.rules.sample(self.buffer, self.num_levels, key=key)
        return older.ages, slots

    def mutate(
        self,
        levels: Level,
        scores: Float[Array, " level"],
        num_mutations: Int[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> tuple[Level, Int[Array, " level"], UInt32[Array, "level 2"]]:
        """Mutants of parents that are chosen among levels, how often each was mutated, and its
        parent's fingerprint."""
        mutator = self.mutator
        assert mutator is not None
        parent = self.parents.choose(scores)
        chosen = jax.tree.map(lambda leaf: leaf[parent], levels)
        mutants = jax.vmap(lambda level, key: mutator.mutate(level, key=key))(
            chosen, jax.random.split(key, self.num_levels)
        )
        return mutants, num_mutations[parent] + 1, fingerprints(chosen)

    def no_mutations(self, num_levels: int) -> Int[Array, " level"]:
        """How often new levels were mutated."""
        return jnp.zeros(num_levels, jnp.int32)

    def no_parents(self, num_levels: int) -> UInt32[Array, "level 2"]:
        """What new levels were edited from."""
        return jnp.zeros((num_levels, 2), jnp.uint32)
