"""Experiments in which nothing would ever be learned, or no more after a while."""

from typing import TYPE_CHECKING

from ..agents import AbstractLearner
from ..curricula import AdversarialDesign, LearnedGenerator, LevelReplay
from ..curricula._replay_checks import check_can_be_filled

if TYPE_CHECKING:
    from ._experiment import Experiment


def check_can_learn(experiment: "Experiment") -> None:
    """Raises `ValueError`, with what to change, if learning would end before the experiment does,
    or if level replay would wait for more levels than there are."""
    curriculum, num_updates = experiment.curriculum, experiment.schedule.num_updates
    _check_learner("student", experiment.student, num_updates)
    # Other teachers learn in some cycles only, and students in others, as chance has it.
    if isinstance(curriculum, AdversarialDesign) and isinstance(
        curriculum.generator, LearnedGenerator
    ):
        _check_learner("teacher", curriculum.generator.teacher, num_updates)
    if isinstance(curriculum, LevelReplay):
        check_can_be_filled(curriculum, experiment.env.level_spec())


def _check_learner(whose: str, learner: AbstractLearner, num_updates: int) -> None:
    most = learner.num_useful_updates
    if most is None or num_updates <= most:
        return
    if most == 0:
        raise ValueError(
            f"The {whose}'s learning rate is 0, so it would never learn: it must be positive, or "
            "anneal to a final_learning_rate that is."
        )
    enough = num_updates * learner.gradient_steps_per_update
    raise ValueError(
        f"The {whose}'s learning rate is 0 after {most} of the {num_updates} updates of "
        f"num_updates, since an update takes {learner.gradient_steps_per_update} gradient steps. "
        f"Raise anneal_steps to {enough}, give a final_learning_rate above 0, or lower num_updates "
        f"to {most}. A run that has begun keeps its annealing."
    )
