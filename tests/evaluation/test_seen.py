"""Tests whose levels a student was trained on are told from others."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Experiment, Runner, evaluate
from minimax_eqx.curricula import DomainRandomisation, FixedTasks, LevelReplay
from minimax_eqx.envs import AbstractSuite, FixedLevels
from minimax_eqx.evaluation._panels import fingerprints_of
from minimax_eqx.runners import Evaluation

from ..numbered_levels import Numbers
from ..scripted import EPISODE, NumberedLevels, Taught


class Two(AbstractSuite):
    """A test of a level that is trained on, and one of another."""

    def panels(self, env):
        return {str(n): (env, FixedLevels(jnp.array([n]))) for n in (7, 500)}


LISTED = FixedLevels(jnp.array([6, 7, 8]))
CURRICULA = {
    "listed levels": (DomainRandomisation(LISTED, 4), 3),
    "fixed tasks": (FixedTasks(LISTED, num_levels=4), 3),
    "level buffer": (LevelReplay(Numbers(), num_levels=4, capacity=4), 2),
}


@pytest.mark.parametrize("place", CURRICULA)
def test_a_test_of_a_level_that_was_trained_on_says_so(place):
    curriculum, count = CURRICULA[place]
    unseen = FixedLevels(jnp.array([9]))
    options = Evaluation(Two(), num_episodes=2, num_unseen_levels=9, unseen=unseen)
    experiment = Experiment(
        NumberedLevels(), Taught(0), curriculum, num_steps=EPISODE, evaluation=options
    )
    runner = Runner.create(experiment, key=jax.random.key(0))
    if place == "level buffer":

        def buffer(runner):
            return runner.curriculum_state.buffer

        prints = buffer(runner).fingerprints.at[:2].set(fingerprints_of(jnp.array([7, 4])))
        filled = eqx.tree_at(
            lambda buffer: (buffer.fingerprints, buffer.filled),
            buffer(runner),
            (prints, jnp.arange(4) < 2),
        )
        runner = eqx.tree_at(buffer, runner, filled)
    found = evaluate(experiment, runner)
    assert found["compared_with_training"] == {place: count}
    assert found["unseen"]["seen_in_training"] == 0
    seen = {name: test["seen_in_training"] for name, test in found["held_out"].items()}
    assert seen == {"7": 1, "500": 0}
