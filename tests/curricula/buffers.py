"""Buffers whose levels are numbers: how tests make, offer to and read them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.curricula import _fingerprint

NUM_BITS, BATCH = 12, 6
LEVEL_SPEC = {
    "bits": jax.ShapeDtypeStruct((NUM_BITS,), bool),
    "number": jax.ShapeDtypeStruct((), jnp.int32),
}


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
