"""What is learned, and how fast: several seeds of DR and ACCEL as members, on held-out mazes."""

import concurrent.futures
import dataclasses
import statistics
import time
from typing import Any

import equinox as eqx
import jax
import numpy as np

from minimax_eqx import Experiment, Runner
from minimax_eqx.envs.maze import HeldOutMazes
from minimax_eqx.evaluation._panels import evaluate_panels
from minimax_eqx.runners import run_members

from ..timing import block
from .members import seeds
from .session import Session
from .sizes import Sizes

METHODS = ("maze-dr", "maze-accel")
# Seconds of training between evaluations.
EVALUATE_EVERY = 15.0
# At the end there is time for one more call and one more evaluation that take this much longer.
CAUTION = 1.5


@dataclasses.dataclass
class Study:
    """One method's members, and what they took so far."""

    name: str
    experiment: Experiment
    runners: Runner
    seconds: float = 0.0
    """Of training, all calls together."""
    longest_call: float = 0.0
    evaluation_seconds: float = 0.0
    """Of the last one."""
    since_evaluation: float = 0.0

    def train(self, num_cycles: int) -> None:
        """One call of the compiled program."""
        begin = time.perf_counter()
        self.runners, metrics = run_members(self.runners, num_cycles)
        block((self.runners, metrics))
        elapsed = time.perf_counter() - begin
        self.seconds += elapsed
        self.since_evaluation += elapsed
        self.longest_call = max(self.longest_call, elapsed)

    def evaluate(self, sizes: Sizes) -> dict[str, Any]:
        """A row: how often each member solves the mazes, and what it took to get there."""
        begin = time.perf_counter()
        experiment, num_episodes = self.experiment, sizes.science_episodes
        # Members of one student each are a population, and one program evaluates all methods'.
        students = jax.tree.map(
            lambda leaf: leaf[:, 0] if eqx.is_array(leaf) else leaf, self.runners.students
        )
        panels = HeldOutMazes(sizes.science_mazes).panels(experiment.env)
        found = evaluate_panels(
            panels, students, num_episodes=num_episodes, key=jax.random.key(experiment.seed)
        )
        by_maze = {
            maze: played.results.successes.mean(axis=1).tolist()
            for maze, played in found.items()
            if played.results.successes is not None
        }
        rates = [statistics.mean(of_one) for of_one in zip(*by_maze.values(), strict=True)]
        self.evaluation_seconds = time.perf_counter() - begin
        self.since_evaluation = 0.0
        count = len(rates)
        steps = self.num_cycles * experiment.transitions_per_cycle
        row: dict[str, Any] = {
            "transitions_per_member": steps,
            "success_rates": rates,
            "success_rates_by_maze": by_maze,
            "note": f"{self.num_updates:,.0f} updates, {steps:,} transitions each; "
            f"{', '.join(sizes.science_mazes)}: {statistics.mean(rates):.1%}, "
            f"{min(rates):.1%} to {max(rates):.1%} ({count} seeds, {num_episodes} episodes a maze)",
        }
        if self.seconds:
            row |= {"seconds": self.seconds, "steps_per_second": count * steps / self.seconds}
        return row

    @property
    def num_cycles(self) -> int:
        """Of each member, so far."""
        return int(self.runners.num_cycles[0])

    @property
    def num_updates(self) -> float:
        """Of each member so far, on average."""
        return float(np.mean(np.asarray(self.runners.students.num_updates)))


def measure(session: Session) -> None:
    """Trains and evaluates each method for its half of the time."""
    sizes, rows = session.sizes, session.rows
    studies = _studies(sizes)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # All compile side by side. The students of both methods begin alike, knowing nothing.
        untrained = pool.submit(studies[0].evaluate, sizes)
        compiled = [pool.submit(_compile, study, sizes) for study in studies]
    for runs in compiled:
        runs.result()
    rows.add("untrained", untrained.result())
    for study in studies:
        study.evaluate(sizes)  # how long it takes when it is compiled
    for rank, study in enumerate(studies):
        share = rows.seconds_left / (len(studies) - rank)
        _carry_out(study, session, until=time.monotonic() + share)


def _studies(sizes: Sizes) -> list[Study]:
    experiments = {name: sizes.experiment(name) for name in METHODS}
    return [
        Study(name, experiment, seeds(experiment, sizes.science_seeds))
        for name, experiment in experiments.items()
    ]


def _compile(study: Study, sizes: Sizes) -> None:
    """A call on a copy, so that the members still know nothing."""
    copy = jax.tree.map(lambda leaf: leaf.copy() if eqx.is_array(leaf) else leaf, study.runners)
    block(run_members(copy, sizes.science_cycles))


def _carry_out(study: Study, session: Session, until: float) -> None:
    """Trains until the time or the updates are used up, and evaluates now and then."""
    sizes = session.sizes
    calls = 0
    while True:
        study.train(sizes.science_cycles)
        calls += 1
        needed = CAUTION * (study.longest_call + study.evaluation_seconds)
        over = (
            study.num_updates >= sizes.science_updates
            or calls == sizes.science_calls
            or time.monotonic() + needed > until
        )
        if over or study.since_evaluation > EVALUATE_EVERY:
            row = study.evaluate(sizes)
            session.rows.add(f"{study.name}, {study.num_cycles:,} cycles", row)
        if over:
            return
