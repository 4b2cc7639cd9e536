"""Levels that are numbers between bounds, and the worlds of that kind."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Maze, check_env
from minimax_eqx.envs.boxes import (
    CartPole,
    GaussianEdits,
    Grid,
    Parameter,
    Pendulum,
    SteppedMotor,
    Uniform,
)
from minimax_eqx.envs.boxes._parameters import ParameterBox, ParameterLevel

BOX = ParameterBox(
    (
        Parameter("mass", 0.1, 10.0, "kg", "log"),
        Parameter("friction", -1.0, 3.0),
        Parameter("gravity", 9.8, 9.8, "m/s²"),
    )
)
KEYS = jax.random.split(jax.random.key(0), 1000)
PLACES = jnp.array([[0.0, 0.0, 0.5], [0.5, 0.25, 0.5], [1.0, 1.0, 0.5]])


def sampled(generator):
    return jax.jit(jax.vmap(lambda key: generator.sample(BOX.level_spec(), key=key)))(KEYS)


def test_places_of_the_unit_box_are_levels_and_back():
    level = jax.vmap(BOX.from_unit)(PLACES)
    expected = [[0.1, -1, 9.8], [1, 0, 9.8], [10, 3, 9.8]]
    np.testing.assert_allclose(level.values, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(BOX.to_unit)(level), PLACES, atol=1e-6)
    np.testing.assert_array_equal(level["mass"], level.values[:, 0])


def test_a_level_is_made_by_names_and_says_what_it_is():
    level = BOX.level(friction=2.0)
    assert str(level) == "mass 1 kg, friction 2, gravity 9.8 m/s²"
    level.check()


def test_uniform_levels_fill_the_box_along_its_scales():
    levels = sampled(Uniform())
    levels.check()
    places = np.asarray(jax.vmap(BOX.to_unit)(levels))[:, :2]
    np.testing.assert_allclose(places.mean(0), 0.5, atol=0.05)
    np.testing.assert_allclose(places.std(0), 12**-0.5, atol=0.03)
    np.testing.assert_allclose(np.median(levels["mass"]), 1.0, rtol=0.3)
    linear = sampled(Uniform(scale="linear"))
    np.testing.assert_allclose(np.median(linear["mass"]), 5.05, rtol=0.1)
    narrow = np.asarray(jax.vmap(BOX.to_unit)(sampled(Uniform(share=0.2))))
    assert narrow.min() >= 0.4 - 1e-5
    assert narrow.max() <= 0.6 + 1e-5


@pytest.mark.parametrize("std", [0.1, 5.0])
def test_edits_stay_in_the_box_and_do_not_stick_to_its_faces(std):
    corner = BOX.from_unit(jnp.zeros(3))
    mutate = jax.jit(jax.vmap(lambda key: GaussianEdits(std).mutate(corner, key=key)))
    edited = mutate(KEYS)
    edited.check()
    places = np.asarray(jax.vmap(BOX.to_unit)(edited))[:, :2]
    assert ((places > 0) & (places < 1)).mean() > 0.99
    # A half-normal from the corner, or all over the box.
    expected = np.sqrt(2 / np.pi) * std if std < 1 else 0.5
    np.testing.assert_allclose(places.mean(0), expected, rtol=0.1)
    assert (np.asarray(edited["gravity"]) == np.float32(9.8)).all()


def test_a_grid_has_a_test_for_each_combination_of_values():
    env = Pendulum(gravity=(9.8, 9.8))
    panels = Grid(num_points=3, names=("length", "gravity")).panels(env)
    assert [*panels] == ["length 0.6 m", "length 0.9487 m", "length 1.5 m"]
    assert len(Grid().panels(env)) == 2**4
    [(_, generator)] = Grid(names=("gravity",)).panels(env).values()
    level = generator.sample(env.level_spec(), key=jax.random.key(0))
    np.testing.assert_allclose(level["mass"], (0.6 * 1.5) ** 0.5, rtol=1e-6)


ENV = CartPole()
WRONG = {
    "lowest value comes first": lambda: Parameter("mass", 2.0, 1.0),
    "must be finite": lambda: CartPole(gravity=(float("nan"), 1.0)),
    "name what it is": lambda: Parameter("", 0.0, 1.0),
    "must be above 0": lambda: CartPole(force=(0.0, 1.0)),
    "at least 1 parameter": lambda: ParameterBox(()),
    "several of the name mass": lambda: ParameterBox((Parameter("mass", 0.0, 1.0),) * 2),
    "no parameter 'mas'": lambda: BOX.level(mas=1.0),
    "outside its range": lambda: BOX.level(mass=11.0),
    "mass nan kg is outside": lambda: BOX.level(mass=float("nan")),
    "share is 2": lambda: Uniform(share=2.0),
    "must be at least 0": lambda: GaussianEdits(std=-1.0),
    "'friction' is from -1.0 to 3.0": lambda: Uniform(scale="log").sample(
        BOX.level_spec(), key=KEYS[0]
    ),
    "of type MazeLevel": lambda: Uniform().sample(Maze().level_spec(), key=KEYS[0]),
    "name each parameter once": lambda: Grid(names=("mass", "mass")),
    "no parameter 'mass'": lambda: Grid(names=("mass",)).panels(ENV),
    "15,625 tests": lambda: Grid(num_points=5).panels(ENV),
    "num_efforts is 1": lambda: SteppedMotor(num_efforts=1),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_is_refused(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


@pytest.mark.slow
@pytest.mark.parametrize("env", [CartPole(), CartPole(motor=SteppedMotor()), Pendulum()])
def test_a_world_keeps_the_rules_of_environments(env):
    check_env(dataclasses.replace(env, max_episode_steps=30), Uniform(), mutator=GaussianEdits())


def play(env, level, state, effort, num_steps):
    """What happens with one effort always."""

    def step(state, _):
        taken = env.step(level, state, jnp.asarray(effort), key=KEYS[0])
        return taken.state, taken

    return eqx.filter_jit(lambda state: jax.lax.scan(step, state, None, num_steps)[1])(state)


def test_a_cart_pole_of_classic_numbers_moves_like_the_classic_one():
    """One step of 0.02 seconds by the formulas of Barto et al., in double precision."""
    classic = CartPole(
        cart_mass=(1.0, 1.0), pole_mass=(0.1, 0.1), pole_length=(1.0, 1.0), gravity=(9.8, 9.8),
        friction=(0.0, 0.0), force=(10.0, 10.0), motor=SteppedMotor(), max_episode_steps=500,
    )  # fmt: skip
    state = classic.reset(classic.box.level(), key=KEYS[0])
    now = jnp.array([[0.01, 0.03], [-0.02, 0.04]])
    state = eqx.tree_at(lambda s: (s.position, s.velocity), state, tuple(now))
    after = classic.step(classic.box.level(), state, jnp.asarray(1), key=KEYS[0]).state
    expected = [[0.0096, 0.0308], [0.1746792, -0.2430687]]
    np.testing.assert_allclose([after.position, after.velocity], expected, atol=1e-6)


def test_a_pole_that_falls_ends_the_episode_and_one_that_stays_is_a_success():
    level = ENV.box.level()
    state = ENV.reset(level, key=KEYS[0])
    taken = play(ENV, level, state, 1.0, 200)
    fallen = int(np.argmax(taken.terminated))
    assert 0 < fallen < 100
    assert not np.any(taken.success[: fallen + 1])
    short = CartPole(max_episode_steps=5)
    taken = play(short, level, state, 0.0, 5)
    assert taken.success.tolist() == taken.truncated.tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(np.sum(taken.reward), 1.0, rtol=1e-6)


def test_a_pendulum_that_stands_is_paid_all_and_one_that_hangs_nothing():
    env = Pendulum(max_episode_steps=40)
    level = env.box.level()
    state = env.reset(level, key=KEYS[0])
    for angle, paid in ((0.0, 1.0), (np.pi, 0.0)):
        still = eqx.tree_at(lambda s: (s.angle, s.spin), state, (jnp.asarray(angle), jnp.zeros(())))
        taken = play(env, level, still, 0.0, 40)
        np.testing.assert_allclose(np.sum(taken.reward), paid, atol=1e-3)
        assert bool(taken.success[-1]) == (paid == 1.0)
        assert not np.any(taken.success[:-1])


def test_a_pendulum_without_friction_keeps_its_energy():
    env = Pendulum(friction=(0.0, 0.0), seconds_per_step=0.001)
    level = env.box.level()
    state = env.reset(level, key=KEYS[0])
    state = eqx.tree_at(lambda s: s.angle, state, jnp.asarray(1.0))
    states = play(env, level, state, 0.0, 2000).state
    energies = jnp.square(states.spin) / 2 + level["gravity"] / level["length"] * jnp.cos(
        states.angle
    )
    assert np.ptp(np.asarray(states.angle)) > 1
    np.testing.assert_allclose(energies, energies[0], atol=0.05)


@pytest.mark.parametrize("env", [CartPole(max_episode_steps=3), Pendulum(max_episode_steps=3)])
def test_a_world_is_drawn(env):
    """Heavier is larger, and every frame of an episode is of one size."""
    heavy, light = ("cart_mass", "pole_length") if isinstance(env, CartPole) else ("mass", "length")
    level = env.box.level()
    picture = env.artist().draw_level(level)
    larger = [
        p.high if p.name in (heavy, light) else float(level[p.name]) for p in env.parameters()
    ]
    larger = ParameterLevel(jnp.asarray(larger), env.box)
    ink = [np.any(p != p[0, 0], axis=-1).sum() for p in (picture, env.artist().draw_level(larger))]
    assert 0 < ink[0] < ink[1]
    state = env.reset(level, key=KEYS[0])
    states = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), state)
    frames = env.artist().draw_episode(env, level, states, 2)
    assert [frame.shape for frame in frames] == [picture.shape] * 3
