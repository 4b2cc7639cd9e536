"""Scenes of Kinetix: what ends them, what they may look like, and what is refused."""

import jax
import numpy as np
import pytest

pytest.importorskip("kinetix.environment", exc_type=ImportError)

from minimax_eqx.envs import Maze, check_env
from minimax_eqx.envs.adapters.kinetix import HandMadeScenes, Kinetix, RandomScenes

pytestmark = pytest.mark.filterwarnings("ignore:Passing arguments 'a':DeprecationWarning")


@pytest.fixture(autouse=True)
def as_other_packages_want_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.slow
def test_green_on_blue_is_a_success_and_green_on_red_is_none():
    env = Kinetix(dense_reward_scale=0.0)
    spec = env.level_spec()

    def play(key):
        level = RandomScenes().sample(spec, key=key)

        def step(carry, key):
            state, is_over = carry
            taken = env.step(level, state, env.action_spec().sample(key), key=key)
            told = taken.reward, taken.terminated, taken.success
            return (taken.state, is_over | taken.done), (*told, ~is_over)

        return jax.lax.scan(step, (level, False), jax.random.split(key, 40))[1]

    keys = jax.random.split(jax.random.key(0), 300)
    reward, terminated, success, counts = map(np.asarray, jax.jit(jax.vmap(play))(keys))
    assert set(np.unique(reward[counts])) == {-1.0, 0.0, 1.0}
    np.testing.assert_array_equal(success[counts], reward[counts] == 1)
    np.testing.assert_array_equal(terminated[counts], reward[counts] != 0)


@pytest.mark.slow
@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_entities_and_other_actions_keep_the_rules(actions):
    check_env(Kinetix(actions=actions, observations="entities"), RandomScenes())


def test_levels_and_scenes_of_elsewhere_are_refused():
    with pytest.raises(ValueError, match="RandomScenes makes scenes of Kinetix"):
        RandomScenes().sample(Maze().level_spec(), key=jax.random.key(0))
    with pytest.raises(ValueError, match="Did you mean 'h2_one_wheel_car'"):
        HandMadeScenes(scenes=("one_wheel_car",)).check(Kinetix())
    with pytest.raises(ValueError, match="HandMadeScenes makes scenes of Kinetix"):
        HandMadeScenes().panels(Maze())
