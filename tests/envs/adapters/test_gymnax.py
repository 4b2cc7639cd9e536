"""What is special about gymnax: parameters that follow from others, whole numbers, and bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.adapters.gymnax import Gymnax
from minimax_eqx.envs.boxes import Uniform

gymnax = pytest.importorskip("gymnax", exc_type=ImportError)
KEY = jax.random.key(0)
WITHOUT_LEVELS = {"Breakout-MinAtar", "Catch-bsuite", "FrozenLake-misc"}
DOWNLOADS = {"MNISTBandit-bsuite"}


@pytest.fixture(autouse=True)
def as_gymnax_wants_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def test_numbers_that_follow_from_others_do():
    env = Gymnax("CartPole-v1", (("masspole", 0.1, 1.0),))
    world = env.load(env.box.level(masspole=0.5))
    assert {name: float(np.float32(value)) for name, value in world.items()} == {
        "masspole": 0.5,
        "total_mass": 1.5,
        "polemass_length": 0.25,
    }


def test_a_whole_number_stays_one():
    env = Gymnax("MemoryChain-bsuite", (("memory_length", 1.0, 5.0),))
    length = env.load(env.box.level(memory_length=2.7))["memory_length"]
    assert (length.dtype, int(length)) == (jnp.int32, 3)


def test_an_action_may_be_as_large_as_in_any_level():
    env = Gymnax("Pendulum-v1", (("max_torque", 1.0, 3.0),))
    assert env.action_spec().bounds()[1].tolist() == [3.0]


@pytest.mark.parametrize("name", sorted({*gymnax.registered_envs} - WITHOUT_LEVELS - DOWNLOADS))
def test_every_environment_of_gymnax_can_be_traced_with_all_its_numbers_as_the_level(name):
    numbers = {n: v for n, v in vars(gymnax.make(name)[1]).items() if type(v) in (int, float)}
    for not_of_a_level in ("max_steps_in_episode", "total_mass", "polemass_length"):
        numbers.pop(not_of_a_level, None)
    env = Gymnax(name, tuple((n, float(v), float(v) + 1) for n, v in numbers.items()))
    assert env.numbers() == numbers

    def play(key):
        world = env.load(Uniform().sample(env.level_spec(), key=key))
        start = env.reset(world, key=key)
        taken = env.step(world, start, env.action_spec().sample(key), key=key)
        return start, taken.state, env.observe(world, taken.state)

    start, after, seen = jax.eval_shape(play, KEY)
    assert same(start, after)
    assert same(seen, env.observation_spec())


def same(one, other):
    leaf = lambda x: (x.shape, x.dtype, x.weak_type)  # noqa: E731
    return jax.tree.map(leaf, one) == jax.tree.map(leaf, other)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPole-v7", r"'CartPole-v7', which is not there\. There are CartPole-v1, Pendulum-v1"),
        ("Catch-bsuite", "no numbers that could be a level"),
    ],
)
def test_what_gymnax_does_not_have_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        Gymnax(name, (("length", 0.0, 1.0),))


@pytest.mark.parametrize("name", ["CartPole-v1", "Asterix-MinAtar", "MemoryChain-bsuite"])
def test_control_is_drawn_by_gymnax_and_a_grid_as_it_is_seen(name):
    number = {"CartPole-v1": "length", "Asterix-MinAtar": "shot_cool_down"}.get(name)
    env = Gymnax(name, ((number or "memory_length", 0.5, 2.0),))
    if number is None:
        assert env.artist() is None
        return
    if name == "CartPole-v1":
        pytest.importorskip("pygame")
    artist = env.artist()
    levels = [env.box.from_unit(jnp.full(1, place)) for place in (0.0, 1.0)]
    pictures = [artist.draw_level(level) for level in levels]
    assert pictures[0].shape == pictures[1].shape
    # A longer pole is another picture, and what cools down is not seen.
    assert np.array_equal(*pictures) == (name == "Asterix-MinAtar")
    state = env.reset(env.load(levels[0]), key=jax.random.key(0))
    states = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), state)
    first, second = artist.draw_episode(env, levels[0], states, 1)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, pictures[0])
