"""Craftax-Classic; the full game is the same code, and takes minutes to compile."""

import jax
from craftax.craftax.envs.craftax_symbolic_env import CraftaxSymbolicEnvNoAutoReset
from craftax.craftax_classic.envs.craftax_symbolic_env import CraftaxClassicSymbolicEnvNoAutoReset

from minimax_eqx.envs.adapters.craftax import Craftax, SwapBlocks, Worlds
from minimax_eqx.nets import FlatEncoder

from ..case import Case

LIMIT = 20


def case(game="classic"):
    env = CraftaxClassicSymbolicEnvNoAutoReset()
    if game == "full":
        env = CraftaxSymbolicEnvNoAutoReset()
    params = env.default_params.replace(max_timesteps=LIMIT)

    def start(level, key):
        return level.replace(state_rng=jax.random.key_data(key))

    def step(level, state, action, key):
        seen, state, reward, over, _ = env.step_env(jax.random.key_data(key), state, action, params)
        return state, seen, reward, over

    return Case(
        env=Craftax(game=game, max_episode_steps=LIMIT),
        generator=Worlds(),
        start=start,
        step=step,
        mutator=SwapBlocks(num_edits=2),
        encoder=FlatEncoder(8),
        num_steps=2 * LIMIT,
    )


# Of which only the speed is measured.
MORE = {"craftax full": lambda: case("full")}
