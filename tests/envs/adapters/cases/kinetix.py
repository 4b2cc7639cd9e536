"""Kinetix in its small size, with the package's random scenes and edits."""

from typing import Any

import kinetix.environment as package

from minimax_eqx.envs.adapters.kinetix import EditScene, HandMadeScenes, Kinetix, RandomScenes
from minimax_eqx.nets import TreeEncoder

from ..case import Case

LIMIT = 32


def case():
    params = package.EnvParams(max_timesteps=LIMIT)
    size: Any = package.static_env_params_from_size("s")
    env = package.make_kinetix_env(
        package.ActionType.MULTI_DISCRETE,
        package.ObservationType.SYMBOLIC_FLAT,
        None,
        params,
        size,
        auto_reset=False,
    )

    def step(level, state, action, key):
        seen, state, reward, done, _ = env.step_env(key, state, action, params)
        return state, seen, reward, done

    return Case(
        env=Kinetix(max_episode_steps=LIMIT),
        generator=RandomScenes(),
        start=lambda level, key: level,
        step=step,
        mutator=EditScene(num_edits=1),
        suite=HandMadeScenes(scenes=("h2_one_wheel_car", "h5_rotate_fall")),
        encoder=TreeEncoder(output_size=8),
        num_steps=LIMIT,
    )
