"""gymnax's cart-pole."""

import gymnax

from minimax_eqx.envs.adapters.gymnax import Gymnax
from minimax_eqx.envs.boxes import GaussianEdits, Grid, Uniform

from ..case import Case

LIMIT = 30


def case():
    varied = (("length", 0.1, 2.0), ("masspole", 0.05, 1.0), ("force_mag", 3.0, 20.0))
    env, own = gymnax.make("CartPole-v1")

    def params(level):
        chosen = {name: level[name] for name, *_ in varied}
        return own.replace(
            **chosen,
            total_mass=own.masscart + level["masspole"],
            polemass_length=level["masspole"] * level["length"],
            max_steps_in_episode=LIMIT,
        )

    def start(level, key):
        return env.reset_env(key, params(level))[1]

    def step(level, state, action, key):
        seen, state, reward, over, _ = env.step_env(key, state, action, params(level))
        return state, seen, reward, over | env.is_truncated(state, params(level))

    return Case(
        env=Gymnax("CartPole-v1", varied, LIMIT),
        generator=Uniform(),
        start=start,
        step=step,
        mutator=GaussianEdits(),
        suite=Grid(names=("length",)),
    )
