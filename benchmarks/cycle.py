"""The training cycle of a preset and its phases."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from minimax_eqx._compile import quick_jit
from minimax_eqx.curricula import AbstractCurriculum, AdversarialDesign
from minimax_eqx.experiment import Config, make_runner, preset
from minimax_eqx.nets import MLP, ActorCritic, GridEncoder
from minimax_eqx.rollouts import rollout
from minimax_eqx.runners import Runner, run

from .timing import MatrixProduct, measure

# A backward pass is two forward passes' worth of matrix products.
FORWARD_AND_BACKWARD = 3


class NeverUpdate(AbstractCurriculum):
    """Another curriculum's levels, in cycles from which the students do not learn."""

    curriculum: AbstractCurriculum
    update: jax.Array
    num_levels: int = eqx.field(static=True)

    def check(self, num_students, num_trials, num_value_heads):
        self.curriculum.check(num_students, num_trials, num_value_heads)

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
    # Every number of a core's matrices is multiplied once; the complex ones hold their parts.
    flops += sum(2 * leaf.size for leaf in jax.tree.leaves(network.core) if leaf.ndim >= 2)
    return flops + head(network.policy) + head(network.value)


def bench(name: str, yardstick: MatrixProduct) -> dict[str, Any]:
    """Seconds and model FLOP utilisation of whole cycles, and of rollout and update alone."""
    config = preset(name)
    runner = make_runner(config)
    transitions = runner.transitions_per_cycle
    forward, update_flops = flops_per_cycle(config, runner)
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
    for timing in results.values():
        timing["steps_per_second"] = transitions / timing["seconds"]
    return results | phases(config, yardstick)


def bench_cores(name: str, yardstick: MatrixProduct) -> dict[str, Any]:
    """Rollout and update of a preset's student with each core, at the same width."""
    results = {}
    for core in ("lstm", "gru", "s5", "lru"):
        config = preset(name)
        config = dataclasses.replace(config, network=dataclasses.replace(config.network, core=core))
        for phase, timing in phases(config, yardstick).items():
            results[f"{core} {phase}"] = timing
    return results


def bench_teacher(name: str, yardstick: MatrixProduct) -> dict[str, Any]:
    """Whole cycles of a preset whose levels a teacher designs, and the teacher's part of them."""
    runner = make_runner(preset(name))
    transitions = runner.transitions_per_cycle
    results = {"cycle": _cycles(runner, yardstick, 0.0)}
    results["cycle"]["steps_per_second"] = transitions / results["cycle"]["seconds"]
    curriculum = make_runner(preset(name)).curriculum
    assert isinstance(curriculum, AdversarialDesign)
    generator, key = curriculum.generator, jax.random.key(1)
    draw = quick_jit(lambda generator, key: generator.draw(curriculum.num_levels, key=key))
    learn = quick_jit(
        lambda generator, memory, key: generator.learn(
            memory, jnp.ones(curriculum.num_levels), key=key
        )
    )
    _, memory = draw(generator, key)
    results["teacher's designs"] = measure(lambda: draw(generator, key), yardstick, repeats=5)
    results["teacher's update"] = measure(
        lambda: learn(generator, memory, key), yardstick, repeats=5
    )
    return results


def flops_per_cycle(config: Config, runner: Runner) -> tuple[float, float]:
    """Floating-point operations of a cycle's rollout, and of its update."""
    student = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, runner.students)
    forward = forward_flops(student.network) * runner.transitions_per_cycle
    return forward, FORWARD_AND_BACKWARD * config.ppo.num_epochs * forward


def phases(config: Config, yardstick: MatrixProduct) -> dict[str, Any]:
    """Rollout and update of one student, each as a program of its own."""
    runner = make_runner(config)
    forward, update_flops = flops_per_cycle(config, runner)
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
    results = {
        "rollout": measure(lambda: play(student, proposal, key), yardstick, forward),
        "update": measure(lambda: learn(student, trajectory, key), yardstick, update_flops),
    }
    for timing in results.values():
        timing["steps_per_second"] = runner.transitions_per_cycle / timing["seconds"]
    return results


def _cycles(runner: Runner, yardstick: MatrixProduct, flops: float) -> dict[str, float]:
    def step():
        nonlocal runner
        runner, metrics = run(runner, 1)
        return metrics

    return measure(step, yardstick, flops)
