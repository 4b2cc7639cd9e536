"""What people are shown of a run: some levels that it trains on, and an episode on one of them."""

import jax

from .._types import PyTree
from .._xla._compile import quick_jit
from ..rollouts._recording import Recording, record_episode
from ..runners._experiment import Experiment
from ..runners._runner import Runner

# A stream of random numbers of its own: what is shown changes nothing about a run.
SHOWN_STREAM = 1_000_099


def shown_levels(experiment: Experiment, runner: Runner, num_levels: int = 8) -> PyTree:
    """Levels that the curriculum of a runner on one device would propose now, leading axis
    `level`; the same ones for the same seed and state."""
    key = jax.random.split(_key(experiment))[0]
    proposal = _propose(experiment.curriculum, runner.curriculum_state, key)
    return jax.tree.map(lambda leaf: leaf[:num_levels], proposal.levels)


def shown_episode(experiment: Experiment, runner: Runner, levels: PyTree) -> Recording:
    """An episode of the first student on the first of these levels."""
    key = jax.random.split(_key(experiment))[1]
    level = jax.tree.map(lambda leaf: leaf[0], levels)
    return record_episode(experiment.env, runner.students.first().network, level, key=key)


def _key(experiment: Experiment):
    return jax.random.fold_in(jax.random.key(experiment.seed), SHOWN_STREAM)


@quick_jit
def _propose(curriculum, state, key):
    return curriculum.propose(state, key=key)[1]
