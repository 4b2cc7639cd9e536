"""An environment of your own whose levels are numbers: steer a boat across a river to a pier.

Run the file to check the environment and to train on it for some seconds. To train in a folder:

    minimax-eqx train own_box.py --current 0 3
    minimax-eqx train own_box.py --curriculum level-replay --mutator gaussian-edits
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import minimax_eqx as mx
from minimax_eqx.envs import boxes


class River(boxes.AbstractBoxEnv):
    """Every step pays the way that the boat came nearer, as a share of what the river is wide."""

    current: tuple[float, float] = eqx.field(static=True, default=(0.0, 2.0))
    """Slowest and fastest current, in metres per second."""
    mass: tuple[float, float] = eqx.field(static=True, default=(0.5, 5.0))
    """Lightest and heaviest boat, in tonnes."""
    max_episode_steps: int = 60
    """The time limit of an episode, in steps of half a second."""

    def parameters(self):
        current = boxes.Parameter("current", *self.current, unit="m/s")
        return current, boxes.Parameter("mass", *self.mass, unit="t", scale="log")

    def action_spec(self):
        return mx.envs.Box(low=-1.0, high=1.0, shape=(2,))  # kilonewtons

    def load(self, level):
        return level

    def reset(self, world, *, key):
        along = jax.random.uniform(key, minval=-5.0, maxval=5.0)
        zero = jnp.zeros((), jnp.int32)
        return {"place": jnp.stack([20.0, along]), "velocity": jnp.zeros(2), "time": zero}

    def step(self, world, state, action, *, key):
        drag = 0.3 * (state["velocity"] - jnp.stack([0.0, world["current"]]))
        velocity = state["velocity"] + 0.5 * (action - drag) / world["mass"]
        place, time = state["place"] + 0.5 * velocity, state["time"] + 1
        before, now = jnp.linalg.norm(state["place"]), jnp.linalg.norm(place)
        there = now < 2
        late, reward = (time >= self.max_episode_steps) & ~there, (before - now) / 20
        state = {"place": place, "velocity": velocity, "time": time}
        return mx.envs.TimeStep(state, reward, there, late, success=there)

    def observe(self, world, state):
        return {"place": state["place"] / 20, "velocity": state["velocity"] / 2}

    def observation_spec(self):
        return dict.fromkeys(("place", "velocity"), jax.ShapeDtypeStruct((2,), jnp.float32))


experiment = mx.Experiment(
    env=River(),
    student=mx.agents.PPO(optimiser=mx.agents.Adam(learning_rate=2e-3), num_minibatches=4),
    curriculum=mx.curricula.DomainRandomisation(boxes.Uniform()),
    num_steps=120,
    schedule=mx.runners.Schedule(num_updates=100, checkpoint_every=100),
    evaluation=mx.runners.Evaluation(boxes.Grid(), num_episodes=50),
)

if __name__ == "__main__":
    mx.envs.check_env(experiment.env, boxes.Uniform())  # raises and says which rule is broken
    runner = mx.Runner.create(experiment, key=jax.random.key(0))
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        runner, metrics = mx.run(runner, 10)
        rate = jnp.nanmean(metrics["success_rate"])
        print(f"cycle {10 * chunk + 10:3d}  boats that arrived {rate:.2f}")
