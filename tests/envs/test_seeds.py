"""Levels that are seeds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner, run
from minimax_eqx._fingerprint import words
from minimax_eqx.curricula import LevelReplay, Sequential
from minimax_eqx.envs import Reseed, Seeded, Seeds, check_env
from minimax_eqx.nets import FlatEncoder
from minimax_eqx.runners._saving import load, save

from ..small import ENV, GENERATOR, make_learner
from ..states import assert_same_state
from .counters import Counter, UniformTarget

SEEDED = Seeded(Counter(), UniformTarget())


def data(levels):
    return np.asarray(jax.random.key_data(levels))


def test_a_world_of_seeds_keeps_the_rules():
    check_env(SEEDED, Seeds(), mutator=Reseed(), num_steps=1)


@pytest.mark.slow
def test_level_replay_of_seeds_goes_on_from_a_file(tmp_path):
    curriculum = LevelReplay(
        Seeds(),
        num_levels=2,
        capacity=4,
        min_fill_ratio=0.1,
        schedule=Sequential(replay_prob=0.9),
        mutator=Reseed(),
    )
    student = make_learner("feedforward", encoder=FlatEncoder(4))
    experiment = Experiment(SEEDED, student, curriculum, num_steps=6)
    runner, metrics = run(Runner.create(experiment, key=jax.random.key(0)), 4)
    assert 1 <= metrics["target"][-1] <= 3
    assert len(np.unique(data(runner.curriculum_state.buffer.levels), axis=0)) > 2
    save(tmp_path / "runner.npz", runner)
    resumed = load(tmp_path / "runner.npz", runner)
    assert_same_state(run(resumed, 2)[0], run(runner, 2)[0])


def test_one_seed_of_several_is_drawn_anew_and_the_rest_stays():
    spec = {"terrain": SEEDED.level_spec(), "creatures": SEEDED.level_spec()}
    level = Seeds().sample(spec, key=jax.random.key(0)) | {"size": jnp.ones(())}
    keys = jax.random.split(jax.random.key(1), 40)
    edited = jax.vmap(lambda key: Reseed().mutate(level, key=key))(keys)
    changed = [np.any(data(edited[n]) != data(level[n]), axis=1) for n in ("terrain", "creatures")]
    np.testing.assert_array_equal(changed[0], ~changed[1])
    assert 0 < changed[0].sum() < 40
    assert len(np.unique(data(edited["terrain"])[changed[0]], axis=0)) == changed[0].sum()
    np.testing.assert_array_equal(edited["size"], 1)


def test_the_bits_of_a_seed_are_those_that_tell_it_apart():
    level = Seeds().sample(SEEDED.level_spec(), key=jax.random.key(0))
    np.testing.assert_array_equal(words(level), data(level))


def test_the_picture_of_a_seed_is_that_of_its_level():
    env = Seeded(ENV, GENERATOR)
    level = Seeds().sample(env.level_spec(), key=jax.random.key(2))
    artist, own = env.artist(), ENV.artist()
    assert artist is not None
    assert SEEDED.artist() is None
    np.testing.assert_array_equal(artist.draw_level(level), own.draw_level(env.made(level)))


def test_levels_without_seeds_are_refused():
    with pytest.raises(ValueError, match=r"Seeded\(env, generator\)"):
        Seeds().sample(ENV.level_spec(), key=jax.random.key(0))
    with pytest.raises(ValueError, match="have none"):
        Reseed().mutate(jnp.zeros(2), key=jax.random.key(0))
