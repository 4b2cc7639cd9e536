"""A run of an environment that is no maze and has no artist, with parts of a user's own."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Experiment, load, resume, train
from minimax_eqx._files import FolderError
from minimax_eqx.agents import PPO
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import AbstractEnv, AbstractLevelGenerator, AbstractSuite, Discrete, TimeStep
from minimax_eqx.experiment import WriteReport
from minimax_eqx.nets import AbstractEncoder, ActorCritic
from minimax_eqx.runners import Evaluation, Schedule

from .tiny import assert_same_state, rows


class Corridor(AbstractEnv):
    """A level is how many steps to the right the goal is."""

    length: int = 4
    max_episode_steps: int = 6

    def action_spec(self):
        return Discrete(2)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return {"place": jnp.zeros((), jnp.int32), "time": jnp.zeros((), jnp.int32)}

    def step(self, world, state, action, *, key):
        place = jnp.clip(state["place"] + 2 * action.astype(jnp.int32) - 1, 0, self.length)
        there, time = place == world, state["time"] + 1
        reward = there.astype(jnp.float32)
        late = (time >= self.max_episode_steps) & ~there
        return TimeStep({"place": place, "time": time}, reward, there, late, there)

    def observe(self, world, state):
        return jnp.stack([world, state["place"]]).astype(jnp.float32)

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        return jax.ShapeDtypeStruct((2,), jnp.float32)

    def level_metrics(self, level):
        return {"distance": level.astype(jnp.float32)}


class Distances(AbstractLevelGenerator):
    """Any distance."""

    def sample(self, level, *, key):
        return jax.random.randint(key, level.shape, 1, 5, level.dtype)


class LayersEncoder(AbstractEncoder):
    """Layers of Equinox, with an activation that no file can hold."""

    def init(self, observation, *, key):
        return eqx.nn.MLP(observation.shape[0], 8, 8, 1, activation=jax.nn.gelu, key=key)


class Far(AbstractSuite):
    """The training environment with levels of one distance."""

    def panels(self, env):
        return {"far": (env, Distances())}


EXPERIMENT = Experiment(
    env=Corridor(),
    student=PPO(ActorCritic(LayersEncoder()), num_epochs=1),
    curriculum=DomainRandomisation(Distances(), num_levels=4),
    num_steps=3,
    rollouts_per_play=2,
    schedule=Schedule(num_updates=8, log_every=2, checkpoint_every=2),
    evaluation=Evaluation(Far(), num_episodes=2, num_unseen_levels=3),
)


def test_it_trains_stops_goes_on_bit_for_bit_and_is_reported_in_words(tmp_path):
    straight = train(EXPERIMENT, tmp_path / "straight", hooks=[WriteReport()])
    short = Schedule(num_updates=4, log_every=2, checkpoint_every=2)
    shorter = dataclasses.replace(EXPERIMENT, schedule=short)
    train(shorter, tmp_path / "run", hooks=[])
    with pytest.raises(FolderError, match=r"no 'corridor'"):
        resume(tmp_path / "run", hooks=[])
    resumed = resume(tmp_path / "run", experiment=shorter, num_updates=8, hooks=[])
    assert_same_state(resumed.runner, straight.runner)
    assert rows(tmp_path / "run") == rows(tmp_path / "straight")
    _, runner = load(tmp_path / "run", EXPERIMENT)
    assert_same_state(runner, straight.runner)
    evaluation = straight.folder.evaluation()
    assert evaluation["held_out"]["far"]["num_episodes"] == 2
    page = (tmp_path / "straight" / "report.html").read_text()
    assert "no artist" in page
