"""Learning rates that reach 0: how many updates learn anything before they do."""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np

from ._config import Config
from ._options import ConfigError


@dataclasses.dataclass(frozen=True)
class _Annealing:
    """A learning rate that falls to 0, by the options that say so."""

    whose: str
    steps_name: str
    steps: int
    steps_per_update: int
    # On average, where chance decides how often it learns.
    updates_per_update_of_students: float
    remedy: str

    @property
    def about(self) -> str:
        return "" if self.updates_per_update_of_students == 1 else "about "

    @property
    def num_updates(self) -> int:
        """The most updates of the students in which it learns."""
        own = -(-self.steps // self.steps_per_update)
        return int(own / self.updates_per_update_of_students)


def check_annealing(config: Config, run: pathlib.Path | None = None) -> None:
    """Raises `ConfigError` if a learning rate is 0 before the run has made its updates.

    Names the option, and says what to do: with a new run, or, if `run` is given, with that one,
    which keeps its annealing.
    """
    for annealing in _annealings(config):
        most = annealing.num_updates
        if config.num_updates <= most:
            continue
        needed = annealing.updates_per_update_of_students * config.num_updates
        enough = int(np.ceil(needed)) * annealing.steps_per_update
        fact = (
            f"{annealing.steps_name} is {annealing.steps}, and an update takes "
            f"{annealing.steps_per_update} gradient steps, so that {annealing.whose} learning rate "
            f"is 0 after {annealing.about}{most} of the {config.num_updates} updates of "
            "num_updates."
        )
        if run is None:
            raise ConfigError(
                f"{fact} Raise {annealing.steps_name} to {enough}, {annealing.remedy}, or lower "
                f"num_updates to {most}."
            )
        raise ConfigError(
            f"{fact} The run in {run} keeps its annealing: train it to at most {most} updates, or "
            f"start a new run with {annealing.steps_name} {enough}."
        )


def _annealings(config: Config) -> Iterator[_Annealing]:
    ppo, teacher = config.ppo, config.teacher
    if ppo.anneal_steps > 0 and np.float32(ppo.final_learning_rate or 0.0) == 0:
        yield _Annealing(
            whose="the students'",
            steps_name="anneal_steps",
            steps=ppo.anneal_steps,
            steps_per_update=ppo.num_epochs * ppo.num_minibatches,
            updates_per_update_of_students=1.0,
            remedy="give a final_learning_rate above 0",
        )
    share = _teacher_updates(config)
    if share > 0 and teacher.teacher_anneal_steps > 0:
        yield _Annealing(
            whose="the teacher's",
            steps_name="teacher_anneal_steps",
            steps=teacher.teacher_anneal_steps,
            steps_per_update=teacher.teacher_num_epochs * teacher.teacher_num_minibatches,
            updates_per_update_of_students=share,
            remedy="set it to 0 for never",
        )


def _teacher_updates(config: Config) -> float:
    """The teacher's updates for one of the students', on average; 0 if there is none."""
    if config.levels.generator != "teacher":
        return 0.0
    if config.curriculum.method == "adversarial":
        return 1.0
    # It learns where levels are new; robust students learn where they are replayed.
    replay = config.replay
    if replay.robust:
        return (1 - replay.replay_prob) / replay.replay_prob if replay.replay_prob > 0 else 0.0
    return 1 - replay.replay_prob
