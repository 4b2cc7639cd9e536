"""The useful work of a cycle: multiplications and additions of its networks' matrix products.

They are counted from shapes, as if every product were computed in full. In a teacher's update on a
CPU that is far from so: `DesignEncoder` computes products for what changed alone. No useful figure
follows from shapes there, and so there is none.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax

from minimax_eqx import Runner
from minimax_eqx.agents import PPO, AbstractLearner, Agent
from minimax_eqx.curricula import LearnedGenerator
from minimax_eqx.nets._actor_critic import ActorCriticWeights
from minimax_eqx.nets._design_encoder import DesignEncoderWeights
from minimax_eqx.nets._grid_encoder import GridEncoderWeights
from minimax_eqx.nets._head import MLP

# A backward pass is two forward passes' worth of matrix products.
FORWARD_AND_BACKWARD = 3


@dataclass(frozen=True)
class CycleFlops:
    """Operations of the phases of a cycle; 0 for a teacher that there is not, and None for an
    update of which they are not known."""

    rollout: float
    update: float
    designs: float
    teacher_update: float | None

    def of(self, *, updated: bool, designed: bool) -> float:
        """Operations of a cycle in which these phases took place; 0 if they are not known."""
        students = self.rollout + self.update * updated
        if not designed:
            return students
        return 0.0 if self.teacher_update is None else students + self.designs + self.teacher_update


def forward_flops(network: ActorCriticWeights) -> int:
    """Operations of one forward pass for one observation."""

    def head(mlp: Any) -> int:
        assert isinstance(mlp, MLP)
        return sum(2 * layer.weight.size for layer in (*mlp.hidden, mlp.out))

    assert isinstance(network.encoder, GridEncoderWeights | DesignEncoderWeights)
    rows, columns, _ = network.encoder.image_shape
    flops = 2 * network.encoder.kernel.size * (rows - 2) * (columns - 2)
    # Every number of a core's matrices is multiplied once; the complex ones hold their parts.
    flops += sum(2 * leaf.size for leaf in jax.tree.leaves(network.core) if leaf.ndim >= 2)
    return flops + head(network.policy) + head(network.value)


def cycle_flops(runner: Runner) -> CycleFlops:
    """Operations of each phase of a cycle, all students together."""
    experiment, curriculum = runner.experiment, runner.experiment.curriculum
    _, proposal = eqx.filter_eval_shape(
        lambda state, key: curriculum.propose(state, key=key),
        runner.curriculum_state,
        jax.random.key(0),
    )
    num_levels = curriculum.levels_per_cycle
    num_update_levels = proposal.num_update_levels or num_levels
    student, passes = _network_and_passes(runner.students.first(), experiment.student)
    rollout = forward_flops(student) * experiment.transitions_per_cycle
    update = FORWARD_AND_BACKWARD * passes * rollout * num_update_levels / num_levels
    source = getattr(curriculum, "generator", None)
    if not isinstance(source, LearnedGenerator):
        return CycleFlops(rollout, update, 0.0, 0.0)
    state = runner.curriculum_state.source
    teacher, passes = _network_and_passes(state.teacher, source.teacher)
    editor = source.design.editor(state.level_spec.level)
    designs = forward_flops(teacher) * num_levels * editor.max_episode_steps
    saves = jax.default_backend() == "cpu" and isinstance(teacher.encoder, DesignEncoderWeights)
    teacher_update = None if saves else FORWARD_AND_BACKWARD * passes * designs
    return CycleFlops(rollout, update, designs, teacher_update)


def _network_and_passes(agent: Agent, learner: AbstractLearner) -> tuple[ActorCriticWeights, int]:
    assert isinstance(agent.network, ActorCriticWeights)
    assert isinstance(learner, PPO)
    return agent.network, learner.num_epochs
