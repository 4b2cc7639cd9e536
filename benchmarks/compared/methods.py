"""The methods that are compared, and what they have in common."""

import dataclasses
import math

from minimax_eqx import Experiment
from minimax_eqx._composition._draft import draft_of, made, options_of
from minimax_eqx.agents import PPO
from minimax_eqx.recipes import maze, small

# In the order in which they are trained: what a first look wants comes first.
METHODS = {
    "DR": maze.dr,
    "robust PLR": maze.robust_plr,
    "ACCEL": maze.accel,
    "SFL": maze.sfl,
    "MNA": maze.mna,
    "parallel ACCEL": maze.parallel_accel,
    "NCC": maze.ncc,
    "PLR": maze.plr,
    "TRACED": maze.traced,
}


def experiment_of(name: str) -> Experiment:
    """The method's small recipe with the student of `quickstart`.

    Small recipes have its learning rate, discount and entropy bonus already. The rest of a
    student, such as the clip range and the number of epochs, is a method's own in its recipe, and
    would be compared along with the method. Scores that estimate advantages do it as he does.
    """
    student = maze.quickstart().student
    assert isinstance(student, PPO)
    draft = draft_of(small(METHODS[name]()))
    for option in options_of(draft):
        if option.field.name == "gae_lambda":
            option.draft.values["gae_lambda"] = student.gae_lambda
    return dataclasses.replace(made(draft), student=student)


def whole_cycles(transitions: float) -> int:
    """At least as many transitions, which every method plays in a whole number of cycles."""
    unit = math.lcm(*(experiment_of(name).transitions_per_cycle for name in METHODS))
    return math.ceil(transitions / unit) * unit
