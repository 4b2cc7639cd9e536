"""The training cycle of a preset and its phases."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from minimax_eqx._compile import quick_jit
from minimax_eqx.curricula import AbstractCurriculum
from minimax_eqx.experiment import make_runner, preset
from minimax_eqx.nets import LSTM, MLP, ActorCritic, GridEncoder
from minimax_eqx.runners import Runner, rollout, run

from .timing import MatrixProduct, measure

# A backward pass is two forward passes' worth of matrix products.
FORWARD_AND_BACKWARD = 3


class NeverUpdate(AbstractCurriculum):
    """Another curriculum's levels, in cycles from which the students do not learn."""

    curriculum: AbstractCurriculum
    update: jax.Array
    num_levels: int = eqx.field(static=True)

    def propose(self, key):
        curriculum, proposal = self.curriculum.propose(key)
        proposal = eqx.tree_at(
            lambda p: p.update_students, proposal, self.update, is_leaf=lambda x: x is None
        )
        return self._around(curriculum), proposal

    def learn(self, proposal, evidence, *, key):
        curriculum, metrics = self.curriculum.learn(proposal, evidence, key=key)
        return self._around(curriculum), metrics

    def _around(self, curriculum):
        return NeverUpdate(
            curriculum=curriculum, update=self.update, num_levels=curriculum.num_levels
        )


def forward_flops(network: ActorCritic) -> int:
    """Multiplications and additions of one forward pass for one observation."""

    def head(mlp: MLP) -> int:
        return sum(2 * layer.weight.size for layer in (*mlp.hidden, mlp.out))

    assert isinstance(network.encoder, GridEncoder)
    rows, columns, _ = network.encoder.image_shape
    flops = 2 * network.encoder.kernel.size * (rows - 2) * (columns - 2)
    if isinstance(network.core, LSTM):
        flops += 2 * (network.core.input_weight.size + network.core.recurrent_weight.size)
    return flops + head(network.policy) + head(network.value)


def bench(name: str, yardstick: MatrixProduct) -> dict[str, Any]:
    """Seconds and model FLOP utilisation of whole cycles, and of rollout and update alone."""
    config = preset(name)
    runner = make_runner(config)
    transitions = runner.transitions_per_cycle
    student = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, runner.students)
    forward = forward_flops(student.network) * transitions
    update_flops = FORWARD_AND_BACKWARD * config.ppo.num_epochs * forward

    never = NeverUpdate(
        curriculum=runner.curriculum,
        update=jnp.array(False),
        num_levels=runner.curriculum.num_levels,
    )
    frozen = eqx.tree_at(lambda r: r.curriculum, make_runner(config), never)
    results = {
        "cycle": _cycles(runner, yardstick, forward + update_flops),
        "cycle without update": _cycles(frozen, yardstick, forward),
    }

    # The runners above were consumed; the phases get a student of their own.
    runner = make_runner(config)
    student = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, runner.students)
    key = jax.random.key(2)
    _, proposal = quick_jit(lambda curriculum, key: curriculum.propose(key))(runner.curriculum, key)
    play = quick_jit(
        lambda student, proposal, key: rollout(
            runner.env,
            student,
            proposal.levels,
            proposal.spare_levels,
            num_steps=runner.num_steps,
            key=key,
        )
    )
    learn = quick_jit(
        lambda student, trajectory, key: student.update(
            trajectory, student.estimate(trajectory), key=key
        )
    )
    trajectory = play(student, proposal, key)
    results["rollout"] = measure(lambda: play(student, proposal, key), yardstick, forward)
    results["update"] = measure(lambda: learn(student, trajectory, key), yardstick, update_flops)
    for timing in results.values():
        timing["steps_per_second"] = transitions / timing["seconds"]
    return results


def _cycles(runner: Runner, yardstick: MatrixProduct, flops: float) -> dict[str, float]:
    def step():
        nonlocal runner
        runner, metrics = run(runner, 1)
        return metrics

    return measure(step, yardstick, flops)
