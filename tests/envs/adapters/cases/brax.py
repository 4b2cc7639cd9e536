"""Brax's inverted pendulum, with the parts of its system replaced by hand for each level."""

import copy
import warnings

import brax.envs
import jax.numpy as jnp

from minimax_eqx.envs.adapters.brax import Brax
from minimax_eqx.envs.boxes import GaussianEdits, Grid, Uniform
from minimax_eqx.nets import FlatEncoder, Normalised

from ..case import Case

# In longer episodes the solver of the joints' limits makes more of rounding than 1e-6.
STEPS = 12
VARIED = (
    ("gravity", 5.0, 20.0),
    ("mass_pole", 0.3, 3.0),
    ("gear", 0.1, 0.5),
    ("damping", 0.5, 2.0),
)


def case():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = brax.envs.get_environment("inverted_pendulum")

    def parts_of(level):
        inertia = own.sys.link.inertia
        factors = jnp.stack([jnp.ones(()), level["mass_pole"]])  # of the cart and of the pole
        return {
            "gravity": jnp.array([0.0, 0.0, -1.0]) * level["gravity"],
            "link.inertia.mass": inertia.mass * factors,
            "link.inertia.i": inertia.i * factors[:, None, None],
            "actuator.gear": own.sys.actuator.gear * level["gear"],
            "dof.damping": own.sys.dof.damping * level["damping"],
        }

    def env_of(parts):
        env = copy.copy(own)
        env.sys = own.sys.tree_replace(parts)
        return env

    def start(level, key):
        parts = parts_of(level)
        return parts, env_of(parts).reset(key), 0

    def step(level, state, action, key):
        del level, key
        parts, state, time = state
        state = env_of(parts).step(state, action)
        over = (state.done > 0) | (time + 1 >= STEPS)
        return (parts, state, time + 1), state.obs, state.reward, over

    return Case(
        env=Brax(varied=VARIED, max_episode_steps=STEPS),
        generator=Uniform(),
        start=start,
        step=step,
        mutator=GaussianEdits(),
        suite=Grid(names=("gravity",)),
        encoder=Normalised(FlatEncoder()),
        num_steps=STEPS,
    )
