"""XLand-MiniGrid, with all goals in a small room."""

import jax.numpy as jnp
import xminigrid.envs.xland as package
from xminigrid.types import StepType, TimeStep

from minimax_eqx.envs.adapters.xland import (
    EachGoal,
    RandomTasks,
    SwapTiles,
    XLand,
    XLandObservation,
)
from minimax_eqx.nets import TreeEncoder

from ..case import Case

LIMIT = 40


def case():
    env = package.XLandMiniGrid()
    params = package.XLandEnvParams(height=6, width=6, view_size=5, max_steps=LIMIT)

    def start(level, key):
        return TimeStep(level, StepType.FIRST, jnp.asarray(0.0), jnp.asarray(1.0), None)

    def step(level, state, action, key):
        after = env.step(params, state.replace(observation=None), action)
        seen = XLandObservation(after.observation, level.goal_encoding, level.rule_encoding)
        return after.replace(observation=None), seen, after.reward, after.last()

    return Case(
        env=XLand(size=6, max_episode_steps=LIMIT),
        generator=RandomTasks(num_kinds=4),
        start=start,
        step=step,
        mutator=SwapTiles(num_edits=2),
        suite=EachGoal(RandomTasks(goals=("near", "make"), num_kinds=4)),
        encoder=TreeEncoder(output_size=8, num_filters=4),
    )
