"""Methods on environments of gymnax, for which you need its extra: `minimax_eqx[gymnax]`.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores.
Every function takes other parts and values by the short names that the command line has for them.
"""

import dataclasses
from typing import Any

from .._composition._draft import with_changes
from ..agents import HuberValueLoss
from ..curricula import AbstractCurriculum, DomainRandomisation
from ..envs.adapters.gymnax import Gymnax
from ..envs.boxes import Uniform
from ..runners._experiment import Experiment
from ._boxes import edits, on_box, replay

# Half the pole, its mass, the cart's, and the push, around those of the classic cart-pole.
_VARIED = (
    ("length", 0.1, 2.0),
    ("masspole", 0.05, 1.0),
    ("masscart", 0.5, 5.0),
    ("force_mag", 3.0, 20.0),
)
_NUM_STEPS = 200


def cart_pole_dr(**changes: Any) -> Experiment:
    """Domain randomisation of gymnax's cart-poles."""
    return with_changes(_cart_pole(DomainRandomisation(Uniform())), changes)


def cart_pole_robust_plr(**changes: Any) -> Experiment:
    """Gymnax's cart-poles by PLR, with updates on replayed levels only."""
    return with_changes(_cart_pole(replay()), changes)


def cart_pole_accel(**changes: Any) -> Experiment:
    """Gymnax's cart-poles by ACCEL: from those in the middle of the box, by edits."""
    return with_changes(_cart_pole(edits()), changes)


def _cart_pole(curriculum: AbstractCurriculum) -> Experiment:
    """A step pays 1 here, so that values are large, and their loss is not clipped."""
    env = Gymnax(
        name="CartPole-v1",
        varied=_VARIED,
        success_return=float(_NUM_STEPS),
        max_episode_steps=_NUM_STEPS,
    )
    experiment = on_box(env, curriculum, tests=("length", "force_mag"))
    student = dataclasses.replace(experiment.student, value_loss=HuberValueLoss())
    return dataclasses.replace(experiment, student=student)
