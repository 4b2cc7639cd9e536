"""Brax: what a level changes of a robot, and what is refused."""

import importlib.resources
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.adapters.brax import Brax

pytest.importorskip("brax.envs")  # with the warnings that it and what it imports give
mjcf = pytest.importorskip("brax.io.mjcf")
VARIED = tuple((name, 0.5, 20.0) for name in ("gravity", "gear", "damping", "mass", "mass_pole"))


@pytest.fixture(autouse=True)
def as_brax_wants_it():
    """It mixes types and ranks, which this project's other tests don't let pass."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def model():
    """The text that Brax's pendulum is made of."""
    files = importlib.resources.files("brax.envs.assets")
    return (files / "inverted_pendulum.xml").read_text()


def changed(model, **replaced):
    for what, (old, new) in replaced.items():
        assert old in model, what
        model = model.replace(old, new)
    return mjcf.loads(model)


@pytest.mark.filterwarnings("ignore:Brax System")
def test_a_level_is_the_system_of_a_model_with_other_numbers(model):
    env = Brax(varied=VARIED)
    level = env.box.level(gravity=5.0, gear=1.5, damping=0.5, mass=2.0, mass_pole=3.0)
    parts = env.load(level)
    expected = changed(
        model,
        gravity=('gravity="0 0 -9.81"', 'gravity="0 0 -5"'),
        gear=('gear="100"', 'gear="150"'),
        damping=('damping="1"', 'damping="0.5"'),
        cart=('name="cart" pos="0 0 0" quat', 'density="2000" name="cart" pos="0 0 0" quat'),
        pole=('name="cpole"', 'density="6000" name="cpole"'),
    )
    for place, ours in parts.items():
        theirs = expected
        for name in place.split("."):
            theirs = getattr(theirs, name)
        if place != "actuator_gear" and not place.startswith("body"):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7, err_msg=place)
    np.testing.assert_allclose(parts["body_mass"][1:], expected.body_mass[1:], rtol=1e-5)
    np.testing.assert_allclose(parts["actuator_gear"], expected.actuator_gear)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "cat"}, "Brax.name is 'cat', which is no robot of Brax. There are ant, "),
        ({"name": "fast"}, "Brax.name is 'fast', which is no robot"),
        ({"varied": (("friction", 1, 2),)}, "has 'friction', which is not there. There are grav"),
        ({"varied": (("mass", 0.0, 2),)}, "has 'mass' from 0.0; masses must be above 0"),
        ({"varied": (("damping", -1.0, 2),)}, "has 'damping' from -1.0"),
        ({"max_episode_steps": 0}, "max_episode_steps is 0"),
    ],
)
def test_what_brax_does_not_have_is_refused(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Brax(**fields)


def test_a_robot_on_the_ground_has_friction_and_links_without_a_name_are_numbered():
    numbers = Brax(name="ant", varied=(("friction", 0.5, 1.0),)).numbers()
    assert {"friction", "mass_torso", "mass_link2"} <= set(numbers)


@pytest.mark.slow
def test_a_simulation_that_breaks_ends_its_episode_and_pays_nothing():
    env = Brax()
    level = env.box.level()

    @jax.jit
    def broken(key):
        world = env.load(level)
        state = env.reset(world, key=key)
        lost = jax.tree.map(lambda leaf: leaf * jnp.nan, state.brax.pipeline_state)
        state = type(state)(state.brax.replace(pipeline_state=lost), state.time)
        step = env.step(world, state, jnp.zeros(1), key=key)
        return step.reward, step.terminated, step.truncated

    assert [float(x) for x in broken(jax.random.key(0))] == [0, 1, 0]
