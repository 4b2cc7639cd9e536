"""Trains methods part by part into a work folder, and goes on from there when it was stopped.

WORK/METHOD/state/PART.npz     all that training goes on from, of the last parts
WORK/METHOD/students-PART.npz  the students of each seed after a part that is evaluated
WORK/METHOD/training.json      what it was trained with, and what each part measured
"""

import dataclasses
import json
import pathlib
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, Runner
from minimax_eqx._composition._plain import to_plain
from minimax_eqx._files import FolderError, held, write
from minimax_eqx._folder._checkpoints import Checkpoints
from minimax_eqx._types import PyTree
from minimax_eqx.runners import run_members
from minimax_eqx.runners._saving import load, save

from ..machine import describe
from .methods import experiment_of, whole_cycles

# The network swings from update to update, so what counts is the mean over those after several
# parts, in the last fifth of training.
NUM_PARTS = 25
EVALUATED_PARTS = (21, 22, 23, 24, 25)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long each method is trained, and how often."""

    transitions: int = 11_000_000
    """For each seed at least, all plays counted. That is a whole number of the periods in which SFL
    and NCC search and train, so that none has searched for what it then does not train on."""
    num_seeds: int = 5
    """Members of one program."""

    @property
    def transitions_of_part(self) -> int:
        """The same for all methods."""
        return whole_cycles(self.transitions / NUM_PARTS)

    @property
    def seeds(self) -> range:
        """The same for all methods."""
        return range(self.num_seeds)


def folder_of(work: pathlib.Path, name: str) -> pathlib.Path:
    """Where a method's files are."""
    return work / name.lower().replace(" ", "-")


def train(work: pathlib.Path, name: str, plan: Plan) -> None:
    """Trains a method until its parts are over, from its newest checkpoint if there is one.

    Stopping it at any moment costs a part at most, and changes no result. Raises `FolderError` if
    another process is training it there, and `CheckpointError` if the checkpoint is another plan's.
    """
    experiment, folder = experiment_of(name), folder_of(work, name)
    folder.mkdir(parents=True, exist_ok=True)
    about = {"experiment": to_plain(experiment), **dataclasses.asdict(plan)}
    checkpoints = Checkpoints(folder / "state", keep=2, made_with=about)
    num_cycles = plan.transitions_of_part // experiment.transitions_per_cycle
    with held(folder / "lock"):
        runners, done = _begun(experiment, plan, checkpoints, num_cycles)
        parts = read_training(work, name)["parts"][:done] if done else []
        is_first = True
        for part in range(done + 1, NUM_PARTS + 1):
            begin, cpu_begin = time.perf_counter(), time.process_time()
            runners, metrics = run_members(runners, num_cycles)
            measured = _measured(metrics)
            parts.append(
                {
                    "seconds": time.perf_counter() - begin,
                    "cpu_seconds": time.process_time() - cpu_begin,
                    "with_compilation": is_first,
                    **measured,
                }
            )
            is_first = False
            if part in EVALUATED_PARTS:
                save(_students_path(folder, part), runners.students)
            told = {**about, "num_cycles_of_part": num_cycles, **describe(), "parts": parts}
            write(folder / "training.json", json.dumps(told, indent=1).encode())
            # Last, so that what is there of a part is there whole.
            checkpoints.save(part, runners)
            _print(name, part, parts[-1], plan)


def read_training(work: pathlib.Path, name: str) -> dict[str, Any]:
    """What a method was trained with, and what each of its parts measured so far."""
    return json.loads((folder_of(work, name) / "training.json").read_text())


def is_trained(work: pathlib.Path, name: str, plan: Plan) -> bool:
    """Whether a method's training is over. Raises `FolderError` if it was trained otherwise."""
    folder = folder_of(work, name)
    if not (folder / "training.json").exists():
        return False
    told = read_training(work, name)
    for option, value in dataclasses.asdict(plan).items():
        if told[option] != value:
            raise FolderError(
                f"{folder} was trained with {option} {told[option]}, and not {value}: give that, "
                "or another folder with --work."
            )
    return len(told["parts"]) == NUM_PARTS


def read_students(work: pathlib.Path, name: str, part: int) -> PyTree:
    """The students after a part: agents whose arrays have the axes `seed student`."""
    experiment, plan = experiment_of(name), Plan(num_seeds=read_training(work, name)["num_seeds"])
    spec = eqx.filter_eval_shape(_making(experiment), _keys(plan))
    return load(_students_path(folder_of(work, name), part), spec.students)


def _begun(
    experiment: Experiment, plan: Plan, checkpoints: Checkpoints, num_cycles: int
) -> tuple[Runner, int]:
    """The runners, and how many parts they have behind them."""
    make, keys = _making(experiment), _keys(plan)
    if not checkpoints.cycles():
        return eqx.filter_jit(make)(keys), 0
    runners = checkpoints.newest().restore(eqx.filter_eval_shape(make, keys))
    return runners, int(runners.num_cycles[0]) // num_cycles


def _making(experiment: Experiment) -> Any:
    return eqx.filter_vmap(lambda key: Runner.create(experiment, key=key))


def _keys(plan: Plan) -> jax.Array:
    return jax.vmap(jax.random.key)(jnp.asarray(plan.seeds))


def _students_path(folder: pathlib.Path, part: int) -> pathlib.Path:
    return folder / f"students-{part}.npz"


def _measured(metrics: dict[str, jax.Array]) -> dict[str, Any]:
    """For each seed the number of updates, and means over the cycles that measured a metric."""
    arrays = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
    means = {}
    for name, values in arrays.items():
        known = ~np.isnan(values)
        counts = known.sum(axis=1)
        sums = np.where(known, values, 0).sum(axis=1)
        means[name] = [
            round(float(s / c), 5) if c else None for s, c in zip(sums, counts, strict=True)
        ]
    return {"num_updates": arrays["updated"].sum(axis=1).astype(int).tolist(), "metrics": means}


def _print(name: str, part: int, measured: dict[str, Any], plan: Plan) -> None:
    transitions = part * plan.transitions_of_part
    rates = [rate for rate in measured["metrics"]["success_rate"] if rate is not None]
    speed = plan.transitions_of_part * plan.num_seeds / measured["seconds"]
    print(
        f"{time.strftime('%H:%M:%S')} {name}: part {part} of {NUM_PARTS}, {transitions / 1e6:.1f} M"
        f" transitions, {speed / 1e3:.0f} k/s, success rates on its own levels: "
        f"{' '.join(f'{rate:.2f}' for rate in rates) or 'not measured'}",
        flush=True,
    )
