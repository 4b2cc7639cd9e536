"""Methods on the cart-pole with random masses, lengths and the like.

Hyperparameters are our own: students without memory that learn within minutes on two CPU cores.
Every function takes other parts and values by the short names that the command line has for them.
"""

from typing import Any

from .. import curricula
from .._composition._draft import with_changes
from ..envs import boxes
from ..runners._experiment import Experiment
from ._boxes import edits, on_box, paid_by_return, replay


def dr(**changes: Any) -> Experiment:
    """Domain randomisation of cart-poles."""
    return with_changes(_experiment(curricula.DomainRandomisation(boxes.Uniform())), changes)


def robust_plr(**changes: Any) -> Experiment:
    """Cart-poles by PLR, with updates on replayed levels only."""
    return with_changes(_experiment(replay()), changes)


def plr(**changes: Any) -> Experiment:
    """Cart-poles by prioritised level replay, with updates on new levels too."""
    return with_changes(robust_plr(learn_from=curricula.NewAndReplayed()), changes)


def accel(**changes: Any) -> Experiment:
    """Cart-poles by ACCEL: from those in the middle of the box, by edits."""
    return with_changes(_experiment(edits()), changes)


def adr(**changes: Any) -> Experiment:
    """Cart-poles by ADR (arXiv 1910.07113): ranges of numbers widen with success."""
    return with_changes(_experiment(paid_by_return(curricula.ADR())), changes)


def alp_gmm(**changes: Any) -> Experiment:
    """Cart-poles by ALP-GMM (arXiv 1910.07224): numbers for which returns change are drawn more."""
    return with_changes(_experiment(paid_by_return(curricula.AlpGmm())), changes)


def _experiment(curriculum: curricula.AbstractCurriculum) -> Experiment:
    return on_box(boxes.CartPole(), curriculum, tests=("pole_length", "force"))
