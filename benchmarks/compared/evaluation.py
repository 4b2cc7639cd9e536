"""What trained students can do: on held-out mazes, on their worst levels, and beside the best."""

import dataclasses
import datetime
import json
import pathlib
from typing import Any

import equinox as eqx
import jax
import numpy as np

from minimax_eqx import Runner
from minimax_eqx._files import write
from minimax_eqx.agents import Agent
from minimax_eqx.envs.maze import HeldOutMazes
from minimax_eqx.evaluation._panels import evaluate_panels

from ..machine import commit
from .methods import experiment_of
from .tails import worst_levels
from .training import EVALUATED_PARTS, NUM_PARTS, Plan, folder_of, read_students, read_training

SUITE = HeldOutMazes(("minimax-12",))
# Training draws from the seeds of its plan.
SEED = 2026


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How much students are evaluated."""

    num_episodes: int = 100
    """Of each held-out maze, with each network."""
    num_levels: int = 10_000
    """That the worst ones are among."""
    num_tail_episodes: int = 10
    """Of each of them, once to find the worst ones and once to measure them."""


def evaluate(work: pathlib.Path, name: str, protocol: Protocol) -> dict[str, Any]:
    """All results of a method; those that its folder has already are not measured again."""
    path = folder_of(work, name) / "evaluation.json"
    told = dataclasses.asdict(protocol)
    if path.exists():
        known = json.loads(path.read_text())
        if known["protocol"] == told:
            return known["results"]
    results = {"training": _training(work, name), **_held_out(work, name, protocol)}
    results |= _worst_levels(work, name, protocol)
    write(path, json.dumps({"protocol": told, "results": results}, indent=1).encode())
    return results


def together(methods: dict[str, Any], protocol: Protocol) -> dict[str, Any]:
    """The results of several methods, and how they were measured."""
    mazes = list(SUITE.panels(experiment_of("DR").env))
    shares = [part / NUM_PARTS for part in EVALUATED_PARTS]
    told = {**dataclasses.asdict(protocol), "mazes": mazes, "evaluated_at": shares}
    today = datetime.date.today().isoformat()
    return {"date": today, "commit": commit(), "protocol": told, "methods": methods}


def _training(work: pathlib.Path, name: str) -> dict[str, Any]:
    """What it took to train a method, in total."""
    told, experiment = read_training(work, name), experiment_of(name)
    parts = told["parts"]
    plan = Plan(told["transitions"], told["num_seeds"])
    kept = ("num_seeds", "cores", "processor", "jax", "date", "commit")
    return {
        **{key: told[key] for key in kept},
        "transitions": len(parts) * plan.transitions_of_part,
        "num_updates": np.sum([part["num_updates"] for part in parts], axis=0).tolist(),
        "gradient_steps_per_update": experiment.student.gradient_steps_per_update,
        "transitions_per_update": _transitions_per_update(name),
        "seconds": sum(part["seconds"] for part in parts),
        "cpu_seconds": sum(part["cpu_seconds"] for part in parts),
    }


def _transitions_per_update(name: str) -> int:
    """Of a cycle side by side, students learn from some levels only."""
    experiment = experiment_of(name)
    runner = eqx.filter_eval_shape(
        lambda key: Runner.create(experiment, key=key), jax.random.key(0)
    )
    curriculum = experiment.curriculum
    _, proposal = eqx.filter_eval_shape(
        lambda state: curriculum.propose(state, key=jax.random.key(0)), runner.curriculum_state
    )
    num_levels = proposal.num_update_levels or curriculum.levels_per_cycle
    return num_levels * experiment.num_trials * experiment.steps_per_play


def _held_out(work: pathlib.Path, name: str, protocol: Protocol) -> dict[str, Any]:
    """Success rates of each seed on each maze, and of each seed after each part."""
    panels = SUITE.panels(experiment_of(name).env)
    of_parts = []
    for part in EVALUATED_PARTS:
        played = evaluate_panels(
            panels,
            _of_all_seeds(read_students(work, name, part)),
            num_episodes=protocol.num_episodes,
            key=jax.random.key(SEED),
        )
        successes = [np.asarray(of.results.successes) for of in played.values()]
        of_parts.append(np.mean(successes, axis=2).T)
    return {
        "held_out": np.mean(of_parts, axis=0).round(5).tolist(),
        "held_out_of_parts": np.mean(of_parts, axis=2).round(5).tolist(),
    }


def _worst_levels(work: pathlib.Path, name: str, protocol: Protocol) -> dict[str, Any]:
    """Success rates on the worst levels, and regrets, of each seed at the end of training."""
    return worst_levels(
        experiment_of(name),
        _of_all_seeds(read_students(work, name, NUM_PARTS)),
        num_levels=protocol.num_levels,
        num_episodes=protocol.num_tail_episodes,
        seed=SEED,
    )


def _of_all_seeds(students: Agent) -> Agent:
    """The only student of each seed, all as one population."""
    return jax.tree.map(lambda leaf: leaf[:, 0] if eqx.is_array(leaf) else leaf, students)
