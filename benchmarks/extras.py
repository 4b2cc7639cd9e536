"""What methods compute besides the students' networks, counted from shapes.

Counted are multiplications and additions of matrix products, per transition that is played, and a
backward pass is worth two forward ones.
"""

from typing import Any

import jax

from minimax_eqx import Runner
from minimax_eqx.curricula import Prefilter
from minimax_eqx.nets._actor_critic import ActorCriticWeights
from minimax_eqx.scores import CENIE, PACE, TRACED
from minimax_eqx.scores._transition_model import Convolution, TransitionModel

from .flops import FORWARD_AND_BACKWARD, forward_flops


def extra_passes(runner: Runner, updates: float) -> float:
    """What a method adds to each transition, in forward passes of the student's network.

    `updates` is the share of cycles that update the students.
    """
    curriculum, state = runner.experiment.curriculum, runner.curriculum_state
    network = runner.students.first().network
    assert isinstance(network, ActorCriticWeights)
    of_student = forward_flops(network)
    played = runner.experiment.transitions_per_cycle
    score, generator = (getattr(curriculum, name, None) for name in ("score", "generator"))
    if isinstance(score, PACE):
        return FORWARD_AND_BACKWARD  # a gradient for each level
    if isinstance(score, TRACED):
        steps = FORWARD_AND_BACKWARD * score.num_gradient_steps
        return steps * _model_flops(state.score.model, runner) / of_student
    if isinstance(score, CENIE):
        return _coverage_flops(score, state.score, played, updates) / played / of_student
    if isinstance(generator, Prefilter):
        return _filter_flops(generator, state.source.networks, curriculum) / played / of_student
    return 0.0


def _model_flops(model: TransitionModel, runner: Runner) -> float:
    """Those of a prediction."""
    rows, columns, _ = runner.experiment.env.observation_spec().image.shape
    flops = 2 * (model.memory.weight_ih.size + model.memory.weight_hh.size)
    for layer in (*model.encoder.layers, *model.decoder.layers):
        if isinstance(layer, Convolution):
            flops += 2 * layer.linear.weight.size * rows * columns
        elif hasattr(layer, "weight"):
            flops += 2 * layer.weight.size
    return flops


def _coverage_flops(score: CENIE, state: Any, num_pairs: int, updates: float) -> float:
    """Those of a cycle: all pairs are projected and looked up, and sometimes the density is fitted.
    To look a point up takes two products with each component, and so does to learn from it."""
    look_up = 4 * state.density.means.size
    fit = score.num_fit_steps * score.window * 2 * look_up * updates / score.refit_every
    return num_pairs * (2 * state.projection.size + look_up) + fit


def _filter_flops(prefilter: Prefilter, networks: Any, curriculum: Any) -> float:
    """Those of a cycle: the candidates, the levels played, and the steps of learning."""
    # A leading axis holds the networks; where that leaves a vector, it is a bias.
    of_level = sum(
        2 * leaf.size for leaf in jax.tree.leaves(networks) if getattr(leaf, "ndim", 0) == 3
    )
    num_levels = curriculum.levels_per_cycle
    looked_at = num_levels * (1 - prefilter.unfiltered_share) * prefilter.candidates_per_level
    learned = FORWARD_AND_BACKWARD * prefilter.num_gradient_steps * prefilter.batch_size
    return of_level * (looked_at + num_levels + learned)
