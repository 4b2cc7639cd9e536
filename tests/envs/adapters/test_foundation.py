"""Other packages are refused where they cannot work, and their states get types that stay."""

import importlib.metadata
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Discrete, TimeStep
from minimax_eqx.envs.adapters._foreign import (
    AbstractParameters,
    AbstractStartState,
    strong,
    with_dtypes_of,
)
from minimax_eqx.envs.adapters._package import require

KEY = jax.random.key(0)


@pytest.fixture
def installed(monkeypatch):
    """A function that pretends that a package is installed in some version."""
    module = types.ModuleType("seaworld")

    def install(version, importable=True):
        monkeypatch.setattr(importlib.metadata, "version", {"sea-world": version}.__getitem__)
        monkeypatch.setitem(sys.modules, "seaworld", module if importable else None)
        require.cache_clear()
        return module

    yield install
    require.cache_clear()


def need(**options):
    at_least = options.pop("at_least", "1.2")
    return require(
        "seaworld", extra="seaworld", at_least=at_least, distribution="sea-world", **options
    )


@pytest.mark.parametrize("version", ["1.2.0", "1.2", "1.10.1", "2.0.0rc1+cpu"])
def test_a_version_that_works_is_imported(installed, version):
    assert installed(version) is need(below="2.1")


@pytest.mark.parametrize(
    ("version", "importable", "message"),
    [
        (
            "1.1.9",
            True,
            r"sea-world 1\.1\.9 is installed, and only versions from 1\.2 on",
        ),
        ("2.0", True, r"only versions from 1\.2 on and below 2\.0 work here"),
        ("1.2", False, r"sea-world 1\.2 is installed, but importing it fails with Module"),
    ],
)
def test_one_that_does_not_is_refused_in_one_line(installed, version, importable, message):
    installed(version, importable)
    with pytest.raises(ImportError, match=message) as caught:
        need(below="2.0")
    assert str(caught.value).endswith("Run pip install 'minimax_eqx[seaworld]'.")
    assert "\n" not in str(caught.value)


def test_a_package_that_is_missing_says_which_extra_has_it():
    with pytest.raises(ImportError, match=r"not installed\. Run pip install 'minimax_eqx\[seaw"):
        need()


def test_states_lose_python_numbers_and_weak_types():
    weak = jnp.asarray(1.0)
    bits = jnp.asarray(1, jnp.uint8)
    given = {"a": [3, 0.5, True], "b": weak, "c": KEY, "d": np.float64(2), "e": bits, "f": None}
    made = jax.jit(lambda weak: strong({**given, "b": 2 * weak}))(1.0)
    assert made.pop("c").dtype == KEY.dtype
    leaves = jax.tree.leaves(made)
    assert not any(leaf.weak_type for leaf in leaves)
    dtypes = [jnp.int32, jnp.float32, jnp.bool_, jnp.float32, jnp.float32, jnp.uint8]
    assert [leaf.dtype for leaf in leaves] == dtypes
    turned = with_dtypes_of({"e": jnp.asarray(7)}, {"e": bits})
    assert (turned["e"].dtype, int(turned["e"])) == (jnp.uint8, 7)


class Pond(AbstractStartState):
    """A package whose state begins with Python numbers."""

    max_episode_steps: int = 4

    def example(self, *, key):
        return {"depth": jax.random.uniform(key), "time": 0, "key": jax.random.key_data(key)}

    def with_key(self, level, *, key):
        return {**level, "key": jax.random.key_data(key)}

    def action_spec(self):
        return Discrete(2)

    def step(self, world, state, action, *, key):
        no = jnp.zeros((), bool)
        return TimeStep(state, jnp.zeros(()), no, no, no)

    def observe(self, world, state):
        return state["depth"][None]

    def level_metrics(self, level):
        return {}


def test_a_level_that_is_a_start_state_gets_the_episodes_key():
    pond, level = Pond(), strong(Pond().example(key=KEY))
    assert pond.level_spec() == jax.eval_shape(lambda: level)
    assert pond.observation_spec() == jax.ShapeDtypeStruct((1,), jnp.float32)
    state = pond.reset(pond.load(level), key=jax.random.key(7))
    assert state["key"].tolist() == jax.random.key_data(jax.random.key(7)).tolist()
    assert state["depth"] == level["depth"]


class Boat(AbstractParameters):
    """A package with two numbers."""

    varied: tuple[tuple[str, float, float], ...] = ()
    max_episode_steps: int = 4

    def numbers(self):
        return {"mass": 2.0, "wind": 0.5}

    def load(self, level):
        return {**self.numbers(), **{name: level[name] for name, *_ in self.varied}}

    def action_spec(self):
        return Discrete(2)

    def reset(self, world, *, key):
        return world

    step = observe = observation_spec = reset


def test_chosen_numbers_are_the_level_and_others_stay():
    boat = Boat(varied=(("wind", 0.0, 4.0),))
    assert boat.box.names == ("wind",)
    assert boat.load(boat.box.level(wind=3.0)) == {"mass": 2.0, "wind": 3.0}
    assert list(boat.level_metrics(boat.box.level())) == ["wind"]


@pytest.mark.parametrize(
    ("varied", "message"),
    [
        ((), r"Boat\.varied is empty; give at least one of these a range.*: mass, wind\."),
        ((("weight", 0.0, 1.0),), r"Boat\.varied has 'weight'.*There are mass, wind\."),
        ((("mass", 1.0, 0.0),), "lowest value comes first"),
        ((("mass", 0.0, 1.0),) * 2, "several of the name mass"),
    ],
)
def test_numbers_that_cannot_vary_are_refused(varied, message):
    with pytest.raises(ValueError, match=message):
        Boat(varied=varied)
