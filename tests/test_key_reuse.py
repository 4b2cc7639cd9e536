"""No key is used twice, as far as JAX's own checker sees it. Programs are traced, not compiled."""

import equinox as eqx
import jax
import pytest
from jax.experimental.key_reuse import _core as key_reuse

from minimax_eqx import Runner
from minimax_eqx.envs import Maze, check_env
from minimax_eqx.envs._editor import Blanks
from minimax_eqx.envs.maze import MazeDesign
from minimax_eqx.nets import GRU, LRU, LSTM, S5
from minimax_eqx.rollouts import evaluate, record_episode

from .small import ENV, make_student, sample_levels
from .small_methods import experiment_of, spec_of


@pytest.fixture(autouse=True)
def _complete_the_checker(monkeypatch):
    """Gives the checker the rules that it lacks for what `jax.vmap` does to loops and switches.

    A loop over keys has their axes swapped. A switch becomes a selection among the results of all
    branches, of which one counts: the mutators of `OneOf` may have the same key.
    """
    rules = {
        jax.lax.transpose_p: key_reuse.KeyReuseSignature(key_reuse.Forward(0, 0)),
        jax.lax.select_n_p: key_reuse.KeyReuseSignature(key_reuse.Source(0)),
    }
    for primitive, rule in rules.items():
        monkeypatch.setitem(key_reuse.key_reuse_signatures, primitive, rule)


def check(function, *args, **kwargs):
    """Raises if a program uses a key twice. Leaves that are no arrays stay as they are."""
    arrays, static = eqx.partition((args, kwargs), is_array_or_spec)

    def on_arrays(arrays):
        args, kwargs = eqx.combine(arrays, static)
        return eqx.filter(function(*args, **kwargs), eqx.is_array)

    key_reuse.check_key_reuse_jaxpr(jax.make_jaxpr(on_arrays)(arrays).jaxpr)


def is_array_or_spec(leaf):
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def test_a_key_that_is_used_twice_is_seen():
    def draw_twice(key):
        keys = jax.random.split(key, 2)
        return jax.vmap(jax.random.uniform)(keys) + jax.random.uniform(key)

    with pytest.raises(jax.errors.KeyReuseError):
        check(draw_twice, jax.random.key(0))


@pytest.mark.parametrize(
    "name", ["accel", "parallel-accel", "population-paired", "repaired", "sfl"]
)
def test_no_cycle_uses_a_key_twice(name):
    check(lambda runner: runner.step(), spec_of(name))


@pytest.mark.parametrize("core", [LSTM(8), GRU(8), S5(8, num_blocks=2), LRU(8)], ids=repr)
def test_nothing_that_is_made_uses_a_key_twice(core):
    experiment = experiment_of("repaired", core=core)
    check(lambda key: Runner.create(experiment, key=key), jax.random.key(0))


def test_check_env_uses_no_key_twice_unless_it_says_so():
    editor = MazeDesign(num_walls=2, noise_dim=1).editor(Maze(height=2, width=3).level_spec())
    with jax.debug_key_reuse(True):
        check_env(editor, Blanks(editor))


def test_no_evaluation_uses_a_key_twice():
    key, keys = jax.random.key(0), jax.random.split(jax.random.key(0), 2)
    policy = eqx.filter_eval_shape(make_student, key).network
    level = jax.eval_shape(sample_levels, key)
    levels = jax.eval_shape(lambda key: sample_levels(key, 2), key)
    for one_or_many in (key, keys):
        check(lambda *args, key: evaluate(ENV, *args, key=key), policy, levels, key=one_or_many)
    check(lambda *args, key: record_episode(ENV, *args, key=key), policy, level, key=key)
