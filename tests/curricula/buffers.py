"""Level buffers with their rules, whose levels are numbers: how tests make, fill and read them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import _fingerprint
from minimax_eqx.curricula import Rank
from minimax_eqx.curricula._admission import BeatTheLeastLikely
from minimax_eqx.curricula._level_buffer import LevelBuffer
from minimax_eqx.curricula._replay_rules import ReplayRules

NUM_BITS, BATCH = 12, 6
RANK, ADMISSION = Rank(), BeatTheLeastLikely()
LEVEL_SPEC = {
    "bits": jax.ShapeDtypeStruct((NUM_BITS,), bool),
    "number": jax.ShapeDtypeStruct((), jnp.int32),
}


class Stored(eqx.Module):
    """A level buffer, and the rules by which level replay draws from it and offers to it.

    What is not defined here is the buffer's.
    """

    buffer: LevelBuffer
    rules: ReplayRules

    @classmethod
    def empty(
        cls,
        level,
        capacity,
        *,
        prioritisation=RANK,
        staleness_coef=0.3,
        admission=ADMISSION,
        record=None,
    ):
        state = prioritisation.init(capacity)
        # As in a runner, where numbers are arrays.
        staleness_coef = jnp.asarray(staleness_coef, jnp.float32)
        rules = ReplayRules(prioritisation, state, staleness_coef, admission)
        return cls(LevelBuffer.empty(level, capacity, record=record), rules)

    def __getattr__(self, name):
        return getattr(self.buffer, name)

    def replace(self, **fields):
        return Stored(dataclasses.replace(self.buffer, **fields), self.rules)

    def replay_distribution(self):
        return self.rules.replay_distribution(self.buffer)

    def statistics(self):
        return self.buffer.statistics(self.replay_distribution())

    def sample(self, num_levels, *, key):
        buffer, slots = self.rules.sample(self.buffer, num_levels, key=key)
        return Stored(buffer, self.rules), slots

    def update(self, levels, scores, **news):
        buffer = self.buffer.update(levels, scores, opponent=self.rules.opponent, **news)
        return Stored(buffer, self.rules)

    def grow_older(self, num_draws):
        return Stored(self.buffer.grow_older(num_draws), self.rules)


def levels_of(ids):
    """Levels that are equal where the ids are; an id is spread over two leaves."""
    ids = np.asarray(ids)
    return {
        "bits": (ids[..., None] >> np.arange(NUM_BITS)) % 2 == 1,
        "number": (ids >> NUM_BITS).astype(np.int32),
    }


def ids_of(levels):
    bits = np.sum(np.asarray(levels["bits"]) << np.arange(NUM_BITS), axis=-1)
    return bits + (np.asarray(levels["number"]) << NUM_BITS)


def fingerprints_of(levels):
    return jax.vmap(lambda level: _fingerprint.fingerprint(_fingerprint.words(level)))(levels)


@eqx.filter_jit
def offer(buffer, levels, scores, best=None, num_mutations=None):
    """An update whose record is the best return, as for MaxMC."""
    best = jnp.zeros_like(scores) if best is None else best
    return buffer.update(
        levels,
        scores,
        records=buffer.records_of(levels, jnp.array(-jnp.inf)),
        news=best,
        merge=jnp.maximum,
        num_mutations=num_mutations,
    )


def offer_ids(buffer, ids, scores, best=None, num_mutations=None):
    """An update padded with levels that are left out, so that few programs are compiled."""
    padding = (0, BATCH - len(ids))
    best = np.zeros(len(ids)) if best is None else best
    num_mutations = np.zeros(len(ids)) if num_mutations is None else num_mutations
    return offer(
        buffer,
        jax.tree.map(jnp.asarray, levels_of(np.pad(ids, padding))),
        jnp.asarray(np.pad(scores, padding, constant_values=-np.inf), jnp.float32),
        jnp.asarray(np.pad(best, padding), jnp.float32),
        jnp.asarray(np.pad(num_mutations, padding), jnp.int32),
    )


def contents(buffer):
    """What is where, as `{id: (score, age, record, num_mutations)}`."""
    fields = (buffer.scores, buffer.ages, buffer.records, buffer.num_mutations)
    columns = [np.asarray(field)[np.asarray(buffer.filled)].tolist() for field in fields]
    ids = ids_of(buffer.levels)[np.asarray(buffer.filled)].tolist()
    return dict(zip(ids, zip(*columns, strict=True), strict=True))
