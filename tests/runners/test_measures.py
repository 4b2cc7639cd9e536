"""Numbers of an environment's own, on their way into the metrics."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner, evaluate
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import FixedLevels, check_env
from minimax_eqx.envs._check_fields import EnvCheckError
from minimax_eqx.runners import Evaluation

from ..scripted import EPISODE, NumberedLevels, Taught

LEVELS = jnp.array([3, 10])


class Measuring(NumberedLevels):
    """Counts its steps, and says in the last one what the level's number is."""

    name: str = "steps"
    value: float = 1.0

    def step(self, world, state, action, *, key):
        step = NumberedLevels.step(self, world, state, action, key=key)
        at_the_end = world.astype(jnp.float32) * step.done.astype(jnp.float32)
        own = {self.name: jnp.float32(self.value), "last": at_the_end}
        return dataclasses.replace(step, measures=own)


def experiment_of(env):
    curriculum = DomainRandomisation(FixedLevels(LEVELS), 4)
    return Experiment(
        env,
        Taught(0, False),
        curriculum,
        num_steps=1,
        rollouts_per_play=2 * EPISODE,
        evaluation=Evaluation(num_unseen_levels=6),
    )


@pytest.mark.filterwarnings("ignore:num_steps")
def test_measures_are_added_up_over_an_episode_and_averaged_over_episodes():
    experiment = experiment_of(Measuring())
    runner, metrics = Runner.create(experiment, key=jax.random.key(0)).step()
    assert metrics["steps"] == EPISODE
    assert metrics["last"] == metrics["return"]
    unseen = evaluate(experiment, runner)["unseen"]
    assert unseen["measures"]["steps"] == EPISODE
    np.testing.assert_allclose(unseen["measures"]["last"], unseen["return"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:num_steps")
def test_a_measure_with_the_name_of_another_metric_is_refused():
    with pytest.raises(ValueError, match="the name 'return'"):
        Runner.create(experiment_of(Measuring(name="return")), key=jax.random.key(0))


def test_a_measure_that_is_no_number_breaks_a_rule():
    with pytest.raises(EnvCheckError, match=r"the measure 'steps'.*float32"):
        check_env(Measuring(value=float("inf")), FixedLevels(LEVELS))
