"""Experiments in which nothing would ever be learned, or no more after a while."""

from typing import TYPE_CHECKING

from ..agents import AbstractLearner

if TYPE_CHECKING:
    from ._experiment import Experiment


def check_can_learn(experiment: "Experiment") -> None:
    """Raises `ValueError`, with what to change, if learning would end before the experiment does,
    if the first log interval would go beyond its end, or if the curriculum refuses its levels."""
    curriculum, schedule = experiment.curriculum, experiment.schedule
    num_updates, per_cycle = schedule.num_updates, experiment.rollouts_per_play
    if schedule.log_every * per_cycle > num_updates:
        raise ValueError(
            f"log_every is {schedule.log_every} cycles of rollouts_per_play={per_cycle} updates; "
            f"together they must be at most num_updates, which is {num_updates}, since a log "
            "interval is always finished: lower log_every too."
        )
    if schedule.budget is not None:
        # What anneals over steps will do so over the run: only a rate that is always 0 is left.
        num_updates = 1
    _check_learner("student", experiment.student, num_updates)
    teacher = curriculum.teacher()
    if teacher is not None:
        # Once in a cycle, however often the students do.
        _check_learner("teacher", teacher, num_updates, per_cycle)
    curriculum.check_levels(experiment.env.level_spec())


def _check_learner(
    whose: str, learner: AbstractLearner, num_updates: int, per_cycle: int = 1
) -> None:
    """`per_cycle` says how many of the students' `num_updates` fall on one of this learner's."""
    most, own_updates = learner.num_useful_updates, -(-num_updates // per_cycle)
    if most is None or own_updates <= most:
        return
    if most == 0:
        raise ValueError(
            f"The {whose}'s learning rate is 0, so it would never learn: it must be positive, or "
            "anneal to a final_learning_rate that is."
        )
    enough = own_updates * learner.gradient_steps_per_update
    raise ValueError(
        f"The {whose}'s learning rate is 0 after {most * per_cycle} of the {num_updates} updates "
        f"of num_updates, since an update takes {learner.gradient_steps_per_update} gradient "
        f"steps. Raise anneal_steps to {enough}, anneal over-run instead, give a "
        f"final_learning_rate above 0, or lower num_updates to {most * per_cycle}. A run that "
        "has begun keeps its annealing."
    )
