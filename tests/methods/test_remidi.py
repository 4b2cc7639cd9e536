"""ReMiDi (arXiv 2402.12284): students learn where no earlier level explains what they see."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import LevelReplay, NewAndReplayed, Proposal, Sequential
from minimax_eqx.curricula._remidi import ReMiDi
from minimax_eqx.envs import AbstractEnv, AbstractLevelGenerator, Discrete, TimeStep
from minimax_eqx.rollouts._same_actions import seen_elsewhere
from minimax_eqx.scores._returns import MeanReturn

from ..evidence import KEY, make_evidence, structure

STEPS = 4


class Story(AbstractEnv):
    """A level is what is shown step by step, and for how many steps. The action is added."""

    max_episode_steps: int = STEPS

    def action_spec(self):
        return Discrete(2)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return {"time": jnp.zeros((), jnp.int32), "sum": jnp.zeros((), jnp.int32)}

    def step(self, world, state, action, *, key):
        state = {"time": state["time"] + 1, "sum": state["sum"] + action}
        over, false = state["time"] >= world["length"], jnp.zeros((), bool)
        return TimeStep(state, jnp.ones(()), over, false, false)

    def observe(self, world, state):
        return world["shown"][state["time"]] * (1 + state["sum"])

    def level_spec(self):
        return structure(story([0] * STEPS))

    def observation_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def level_metrics(self, level):
        return {}


def story(shown, length=STEPS):
    return {"shown": jnp.array(shown, jnp.int32), "length": jnp.array(length, jnp.int32)}


def stacked(levels):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)


def seen(level, actions, length=STEPS):
    """What a level shows of a play, and when its episodes end."""
    times = np.arange(len(actions)) % length
    sums = np.array(
        [sum(actions[i - t : i]) for i, t in zip(range(len(actions)), times, strict=True)]
    )
    shown = np.array(level)[times] * (1 + sums)
    return jnp.array(shown, jnp.int32), jnp.array(times == length - 1)


def explained(level, earlier, *, actions=(0, 0, 0, 0), length=STEPS, there=None):
    observations, dones = seen(level, actions, length)
    levels = stacked([story(*one) if isinstance(one, tuple) else story(one) for one in earlier])
    there = jnp.array([True] * len(earlier) if there is None else there)
    result = jax.jit(lambda *play: seen_elsewhere(Story(), levels, there, play, key=KEY))(
        observations, jnp.array(actions, jnp.int32), dones
    )
    return "".join("x" if step else "." for step in np.asarray(result))


@pytest.mark.parametrize(
    ("expected", "level", "earlier", "options"),
    [
        pytest.param("xxxx", [1, 2, 3, 4], [[1, 2, 3, 4]], {}, id="the same level"),
        pytest.param("....", [1, 2, 3, 4], [[9, 2, 3, 4]], {}, id="another from the start"),
        pytest.param("xx..", [1, 2, 3, 4], [[1, 2, 9, 4]], {}, id="never again after a difference"),
        pytest.param("x...", [1, 2, 1, 2], [[1, 9, 1, 9], [9, 2, 9, 2]], {}, id="by turns"),
        pytest.param("xxxx", [1, 2, 3, 4], [[9] * 4, [1, 2, 3, 4]], {}, id="any of them"),
        pytest.param("....", [1, 2, 3, 4], [[1, 2, 3, 4]], {"there": [False]}, id="an empty slot"),
        pytest.param("xx..", [1, 2, 3, 4], [([1, 2, 3, 4], 2)], {}, id="one that ended earlier"),
        pytest.param(
            *("xx.xx.", [1, 2, 3], [[1, 2, 4, 5]], {"actions": [0] * 6, "length": 3}),
            id="every episode anew",
        ),
        pytest.param("xxxx", [1, 2, 3, 4], [[1, 2, 3, 4]], {"actions": [1, 0, 1, 1]}, id="actions"),
    ],
)
def test_a_step_is_explained_if_one_earlier_level_has_shown_the_same_all_along(
    expected, level, earlier, options
):
    assert explained(level, earlier, **options) == expected


class Stories(AbstractLevelGenerator):
    def sample(self, level, *, key):
        return story([0] * STEPS) | {"shown": jax.random.randint(key, (STEPS,), 1, 10_000)}


def curriculum():
    return ReMiDi(
        LevelReplay(
            Stories(),
            score=MeanReturn(),
            num_levels=2,
            capacity=4,
            schedule=Sequential(replay_prob=0.0),
            learn_from=NewAndReplayed(),
        ),
        num_buffers=2,
        updates_per_buffer=1,
    )


def evidence_on(levels):
    """One episode on each level, without actions."""
    shown = jnp.moveaxis(levels["shown"], 0, 1)[None, :, :, None]
    ends = jnp.zeros(shown.shape, bool).at[:, -1].set(True)
    evidence = make_evidence(jnp.ones(shown.shape), ends, levels=levels)
    return dataclasses.replace(evidence, observations=shown, env=Story())


@eqx.filter_jit
def cycle(part, state, levels):
    """The state after a cycle on other levels than were proposed, its weights and its metrics."""
    state, proposal = part.propose(state, key=KEY)
    proposal, evidence = dataclasses.replace(proposal, levels=levels), evidence_on(levels)
    weights = part.weights(state, proposal, evidence, key=KEY)
    evidence = dataclasses.replace(evidence, weights=weights)
    state, metrics = part.learn(state, proposal, evidence, key=KEY)
    return state, weights, metrics


def test_the_next_buffer_takes_only_what_the_last_one_has_left_undecided():
    part = curriculum()
    first = stacked([story([1, 2, 3, 4]), story([1, 5, 6, 7])])
    state = part.init(structure(evidence_on(first)), key=KEY)
    state, weights, metrics = cycle(part, state, first)
    assert (np.asarray(weights) == 1).all()
    assert float(metrics["buffer_fill_ratio"]) == 0.5
    # The buffer begins anew, and the last one is kept.
    assert int(state.earlier.num_buffers) == 1 == float(metrics["earlier_buffers"])
    assert not state.replay.buffer.filled.any()
    np.testing.assert_array_equal(state.earlier.levels["shown"][0, :2], first["shown"])
    np.testing.assert_array_equal(state.earlier.filled[0], [True, True, False, False])

    other = story([9, 2, 3, 4])
    known_and_other = stacked([story([1, 5, 6, 7]), other])
    state, weights, metrics = cycle(part, state, known_and_other)
    # Nothing is masked on a level that differs from the start.
    np.testing.assert_array_equal(weights[0, :, :, 0], [[0, 1]] * STEPS)
    assert float(metrics["decided_steps"]) == float(metrics["refused_levels"]) == 0.5
    buffer = state.replay.buffer
    assert int(buffer.num_filled) == 1
    np.testing.assert_array_equal(buffer.levels["shown"][0], other["shown"])
    # There are two buffers, so the second is the last: what it holds decides nothing.
    state, weights, _ = cycle(part, state, known_and_other)
    np.testing.assert_array_equal(weights[0, :, :, 0], [[0, 1]] * STEPS)
    assert int(state.earlier.num_buffers) == int(state.replay.buffer.num_filled) == 1


def test_a_play_in_parts_is_refused():
    part, evidence = curriculum(), evidence_on(stacked([story([0] * STEPS)] * 2))
    state = part.init(structure(evidence), key=KEY)
    half = dataclasses.replace(evidence, levels=None, env=None)
    half = jax.tree.map(lambda leaf: leaf[:, :2], half)
    with pytest.raises(ValueError, match="rollouts_per_play=1"):
        part.weights(state, Proposal(evidence.levels), half, key=KEY)
