"""The buffer beside the reference's, event by event from its recorded states."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import _fingerprint
from minimax_eqx.curricula import Rank
from minimax_eqx.curricula._prioritisation import Proportional

from . import buffer_oracle
from .buffers import LEVEL_SPEC, Stored, fingerprints_of, ids_of, levels_of, offer

NUM_CONFIGS = 8
UPDATE, REPLAY, NO_REPLAY = range(3)


@dataclasses.dataclass
class Sequence:
    """One configuration of `buffer_updates.npz`."""

    options: dict
    events: dict  # what happened, by name; leading axis: event
    before: dict  # the state before each event
    after: dict

    def of_kind(self, event):
        return np.flatnonzero(self.kinds == event)

    @property
    def kinds(self):
        wanted = self.events["event"]
        refused = (wanted == REPLAY) & (self.events["replay_decision"] == 0)
        return np.where(refused, NO_REPLAY, wanted)

    def oracle(self, event, **switches):
        before = {name: array[event].copy() for name, array in self.before.items()}
        return buffer_oracle.Buffer(**before, **self.options, **switches)

    def batch(self, event):
        """What `Oracle.update` takes."""
        names = ("level_id", "score", "level_idx", "parent_idx", "max_return")
        return {name: self.events[name][event] for name in names}


FIELDS = ("level_id", "scores", "ages", "filled", "max_returns", "n_mutations")


@pytest.fixture(scope="module")
def sequences(golden):
    data = golden("buffer_updates")
    return [read_sequence(data, config) for config in range(NUM_CONFIGS)]


def read_sequence(data, config):
    prefix = f"c{config}_"
    raw = {name.removeprefix(prefix): data[name] for name in data if name.startswith(prefix)}
    events = {name: array for name, array in raw.items() if not name.startswith("after_")}
    after = {name: raw[f"after_{name}"] for name in (*FIELDS, "replay_dist")}
    after |= {name: after[name].astype(np.int32) for name in ("ages", "n_mutations")}
    start = {"scores": -np.inf, "max_returns": -np.inf}
    before = {
        name: np.concatenate([np.full_like(after[name][:1], start.get(name, 0)), after[name][:-1]])
        for name in FIELDS
    }
    left_out = events["dupe_mask"] & events["use_dupe_mask"][:, None]
    events["score"] = np.where(left_out, -np.inf, events["score"]).astype(np.float32)
    if not data["config_is_maxmc"][config]:
        events["max_return"] = np.full_like(events["score"], -1)
    options = {
        "use_ranks": bool(data["config_use_ranks"][config]),
        "temperature": float(data["config_temperature"][config]),
        "staleness_coef": float(data["config_staleness_coef"][config]),
    }
    return Sequence(options, events, before, after)


def happens(oracle, sequence, event, drawn=None):
    kind = sequence.kinds[event]
    if kind == UPDATE:
        oracle.update(**sequence.batch(event))
    elif kind == REPLAY:
        oracle.draw(sequence.events["sampled_idx"][event] if drawn is None else drawn)
    else:
        oracle.grow_older(sequence.events["score"].shape[1])
    return oracle


def assert_same_state(ours, expected, context):
    for name in FIELDS:
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=f"{name}, {context}")


def as_reference(sequence, event):
    oracle = sequence.oracle(event, newcomer_age="kept", best_return="last")
    return vars(happens(oracle, sequence, event))


def as_meant(sequence, event, drawn=None):
    return vars(happens(sequence.oracle(event), sequence, event, drawn))


def on_recorded_states(sequence, events, function, *inputs):
    """Calls `function(buffer, *inputs)` on our buffers as they were before some events."""
    before = {name: array[events] for name, array in sequence.before.items()}
    size = before["scores"].shape[1]
    kind = Rank if sequence.options["use_ranks"] else Proportional
    empty = Stored.empty(
        LEVEL_SPEC,
        size,
        prioritisation=kind(jnp.float32(sequence.options["temperature"])),
        staleness_coef=sequence.options["staleness_coef"],
        record=jnp.array(-jnp.inf),
    )
    state = {
        "levels": levels_of(before["level_id"]),
        "records": before["max_returns"],
        "scores": before["scores"],
        "ages": before["ages"],
        "filled": before["filled"],
        "num_mutations": before["n_mutations"],
    }

    def one(state, inputs):
        prints = fingerprints_of(state["levels"])
        return function(empty.replace(**state, fingerprints=prints), *inputs)

    return eqx.filter_jit(eqx.filter_vmap(one))(*jax.tree.map(jnp.asarray, (state, inputs)))


def states(buffers):
    """Our buffers in the words of the reference data, one dictionary for each."""
    fields = {
        "level_id": ids_of(buffers.levels),
        "scores": buffers.scores,
        "ages": buffers.ages,
        "filled": buffers.filled,
        "max_returns": buffers.records,
        "n_mutations": buffers.num_mutations,
    }
    fields = {name: np.asarray(array) for name, array in fields.items()}
    return [{n: a[i] for n, a in fields.items()} for i in range(len(fields["scores"]))]


def test_the_oracle_reproduces_every_event_of_the_reference(sequences):
    for config, sequence in enumerate(sequences):
        for event in range(len(sequence.kinds)):
            oracle = sequence.oracle(event, newcomer_age="kept", best_return="last")
            happens(oracle, sequence, event)
            after = {name: array[event] for name, array in sequence.after.items()}
            assert_same_state(vars(oracle), after, (config, event))
            np.testing.assert_allclose(
                oracle.replay_distribution(), after["replay_dist"], rtol=2e-5, atol=1e-7
            )


@pytest.mark.parametrize("config", range(NUM_CONFIGS))
def test_updates_match_the_reference_but_for_what_it_gets_wrong(sequences, config):
    sequence = sequences[config]
    events = sequence.of_kind(UPDATE)
    batch = {name: array[events] for name, array in sequence.events.items()}
    given, parents = batch["level_idx"], batch["parent_idx"]
    counts = sequence.before["n_mutations"][events]
    own = np.where(given >= 0, np.take_along_axis(counts, np.maximum(given, 0), 1), 0)
    of_parent = np.take_along_axis(counts, np.maximum(parents, 0), 1)
    num_mutations = np.where(parents >= 0, of_parent + 1, own)

    def update(buffer, levels, *rest):
        after = offer(buffer, levels, *rest)
        return buffer.find(levels), after, fingerprints_of(after.levels)

    levels = levels_of(batch["level_id"])
    rest = (batch["score"], batch["max_return"], num_mutations)
    found, after, prints = on_recorded_states(sequence, events, update, levels, *rest)
    np.testing.assert_array_equal(found, given)
    np.testing.assert_array_equal(after.fingerprints[after.filled], prints[after.filled])
    num_as_the_reference = 0
    for event, ours in zip(events, states(after), strict=True):
        meant = as_meant(sequence, event)
        assert_same_state(ours, meant, event)
        reference = as_reference(sequence, event)
        if all(np.array_equal(meant[name], reference[name]) for name in FIELDS):
            num_as_the_reference += 1
            recorded = {name: array[event] for name, array in sequence.after.items()}
            assert_same_state(ours, recorded, event)
    assert num_as_the_reference >= 5


@pytest.mark.parametrize("config", [0, 2, 5, 7])
def test_draws_and_their_absence_age_levels_as_in_the_reference(sequences, getkey, config):
    sequence = sequences[config]
    num_levels = sequence.events["score"].shape[1]
    events = np.flatnonzero(sequence.kinds != UPDATE)

    def both(buffer, key):
        return buffer.sample(num_levels, key=key), buffer.grow_older(num_levels)

    keys = jax.random.split(getkey(), len(events))
    (after, slots), older = on_recorded_states(sequence, events, both, keys)
    after, older = states(after), states(older)
    for i, event in enumerate(events):
        recorded = {name: array[event] for name, array in sequence.after.items()}
        if sequence.kinds[event] == NO_REPLAY:
            assert_same_state(older[i], recorded, event)
        else:
            assert_same_state(after[i], as_meant(sequence, event, np.asarray(slots[i])), event)


def test_duplicates_are_found_as_in_the_reference(golden, fill):
    data = golden("buffer_updates")
    find = eqx.filter_jit(lambda buffer, levels: buffer.find(levels))

    @jax.jit
    def first_equal(levels):
        words = jax.vmap(_fingerprint.words)(levels)
        return _fingerprint.first_equal(words, jax.vmap(_fingerprint.fingerprint)(words))

    for case, ids in enumerate(data["dedupe_batch_id"]):
        stored, filled = data["dedupe_buffer_id"][case], data["dedupe_buffer_filled"][case]
        buffer = fill(np.zeros(len(stored)), stored, filled=filled)
        levels = jax.tree.map(jnp.asarray, levels_of(ids))
        slots = np.asarray(find(buffer, levels))
        given = data["dedupe_level_idx_in"][case]
        expected = data["dedupe_level_idx_out"][case]
        np.testing.assert_array_equal(np.where(slots >= 0, slots, given), expected)
        first = np.asarray(first_equal(levels))
        np.testing.assert_array_equal(first != np.arange(len(ids)), data["dedupe_dupe_mask"][case])
        np.testing.assert_array_equal(ids[first], ids)
