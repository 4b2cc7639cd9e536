"""A memory of your own, made of one of Equinox's cells: you write one step of one student.

The network maps the cell over levels, scans it over time, and starts each episode from its initial
memory. Train with it, with all options of your part:

    minimax-eqx train own_core.py --hidden-size 64 --no-use-bias
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

import minimax_eqx as mx


class NormalisedGRU(mx.nets.AbstractCore):
    """A gated recurrent unit (Cho et al. 2014) whose inputs and outputs are normalised."""

    hidden_size: int = 32
    """Numbers that it remembers."""
    use_bias: bool = True
    """Whether the gates have biases."""

    def init(self, input_size, *, key):
        cell = eqx.nn.GRUCell(input_size, self.hidden_size, self.use_bias, key=key)
        return Cell(eqx.nn.LayerNorm(input_size), cell, eqx.nn.LayerNorm(self.hidden_size))


class Cell(mx.nets.AbstractCell[Float[Array, " hidden"]]):
    """The weights of a `NormalisedGRU`."""

    norm_in: eqx.nn.LayerNorm
    cell: eqx.nn.GRUCell
    norm_out: eqx.nn.LayerNorm

    def initial_memory(self):
        return jnp.zeros(self.cell.hidden_size)

    def __call__(self, x, memory):
        memory = self.cell(self.norm_in(x), memory)
        return self.norm_out(memory), memory


experiment = mx.Experiment(
    env=mx.envs.maze.MemoryMaze(),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=NormalisedGRU()),
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        entropy_coef=1e-2,
    ),
    curriculum=mx.curricula.DomainRandomisation(mx.envs.maze.RandomMemory(), num_levels=16),
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)
