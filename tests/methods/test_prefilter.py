"""A learned pre-filter: the ensemble learns which levels are of uncertain outcome."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.curricula._played_window import Window
from minimax_eqx.curricula._prefilter import Prefilter
from minimax_eqx.envs import AbstractLevelGenerator

from ..evidence import KEY, make_evidence

CHANCE = jax.ShapeDtypeStruct((), jnp.float32)
NUM_LEVELS = 32


class Chances(AbstractLevelGenerator):
    """Levels that are the chance of success on them."""

    def sample(self, level, *, key):
        return jax.random.uniform(key, level.shape, level.dtype)


def played(levels, key):
    """Two episodes of one step on each level, solved as often as it says."""
    shape = (1, 2, levels.size, 1)
    successes = jax.random.bernoulli(key, jnp.broadcast_to(levels[None, None, :, None], shape))
    dones = jnp.ones(shape, bool)
    return make_evidence(jnp.zeros(shape), dones, successes=successes, levels=levels)


def test_the_ensemble_learns_to_pick_levels_that_are_solved_about_every_other_time():
    source = Prefilter(Chances(), ensemble_learning_rate=3e-3, window=1024, num_gradient_steps=16)

    def cycle(state, key):
        draw_key, play_key, watch_key = jax.random.split(key, 3)
        levels, _ = source.draw(state, NUM_LEVELS, key=draw_key)
        state, metrics = source.watch(state, played(levels, play_key), key=watch_key)
        return state, metrics

    @eqx.filter_jit
    def learned():
        state, metrics = filter_scan(cycle, source.init(CHANCE, key=KEY), jax.random.split(KEY, 40))
        picky = dataclasses.replace(source, unfiltered_share=0.0)
        picked, _ = picky.draw(state, NUM_LEVELS, key=jax.random.key(2))
        mixed, _ = source.draw(state, NUM_LEVELS, key=jax.random.key(3))
        return picked, mixed, metrics

    picked, mixed, metrics = learned()
    # Uniform levels are 0.25 from one half in the mean, and the best tenth of them 0.025.
    assert np.abs(np.asarray(picked) - 0.5).mean() < 0.1
    # A quarter is not filtered.
    assert (np.abs(np.asarray(mixed) - 0.5) > 0.25).any()
    assert np.isfinite(np.asarray(metrics["prefilter_loss"])).all()


def test_the_window_holds_the_levels_that_were_measured_last():
    window = Window(jnp.zeros(4), jnp.zeros(4), jnp.array(0), jnp.array(0))
    window = window.with_levels(jnp.array([1.0, 2.0, 3.0]), jnp.array([0.1, jnp.nan, 0.3]))
    np.testing.assert_allclose(window.levels, [1, 3, 0, 0])
    assert (int(window.place), int(window.count)) == (2, 2)
    window = window.with_levels(jnp.array([4.0, 5.0, 6.0]), jnp.array([0.4, 0.5, 0.6]))
    np.testing.assert_allclose(window.levels, [6, 3, 4, 5])
    np.testing.assert_allclose(window.success_rates, [0.6, 0.3, 0.4, 0.5])
    assert (int(window.place), int(window.count)) == (1, 4)


def test_nothing_is_learned_from_levels_that_were_not_finished():
    source = Prefilter(Chances(), window=8, num_gradient_steps=1)
    state = source.init(CHANCE, key=KEY)
    evidence = played(jnp.full(4, 0.5), KEY)
    unfinished = dataclasses.replace(evidence, terminated=jnp.zeros_like(evidence.terminated))
    after, metrics = source.watch(state, unfinished, key=KEY)
    assert eqx.tree_equal(after.model.networks, state.model.networks)
    assert int(after.window.count) == 0
    assert np.isnan(metrics["prefilter_loss"])


def test_a_window_smaller_than_a_cycle_is_refused():
    source = Prefilter(Chances(), window=3)
    with pytest.raises(ValueError, match="window is 3, less than the 4 levels"):
        source.watch(source.init(CHANCE, key=KEY), played(jnp.ones(4), KEY), key=KEY)
