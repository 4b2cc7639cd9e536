"""Several runs as one program."""

import concurrent.futures
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from minimax_eqx import Experiment, Runner
from minimax_eqx.runners import run_members
from minimax_eqx.runners._ahead import making

from ..cycle import stepper
from ..flops import cycle_flops
from ..machine import peak_device_memory_gb
from ..timing import block, with_rate
from ..timing import measure as measure_call
from .session import Session


def measure(session: Session) -> None:
    """A cycle of `maze-dr` for more and more members; steps are those of all of them."""
    experiment = session.sizes.experiment("maze-dr")
    runner = making(experiment)()
    flops = cycle_flops(runner).of(updated=True, designed=False)
    num_steps = experiment.transitions_per_cycle
    steps = {count: stepper(copies(runner, count), run_members) for count in session.sizes.members}
    with concurrent.futures.ThreadPoolExecutor(len(steps)) as pool:
        # Compiled side by side, timed one after another.
        warm = {
            count: pool.submit(lambda step=step: block(step())) for count, step in steps.items()
        }
    for count, step in steps.items():
        with session.rows.attempt(f"{count} members"):
            warm[count].result()
            timing = measure_call(step, session.yardstick, session.limits, count * flops)
            row: dict[str, Any] = dict(with_rate(timing, count * num_steps))
            if (peak := peak_device_memory_gb()) is not None:
                row["note"] = f"{peak:.2f} GB on the device, all members that ran so far"
            beside = "maze-dr, cycle" if count == 1 else None
            session.rows.add(f"{count} members", row, beside)


def copies(runner: Runner, count: int) -> Runner:
    """So many members that begin alike and draw their own random numbers."""
    stacked = jax.tree.map(
        lambda leaf: jnp.stack([leaf] * count) if eqx.is_array(leaf) else leaf, runner
    )
    return eqx.tree_at(lambda r: r.key, stacked, jax.random.split(runner.key, count))


def seeds(experiment: Experiment, count: int) -> Runner:
    """So many members, each with a student of its own: those of a population, one for each. That
    takes two programs to make, where a runner for each seed would take as many as there are."""
    members = copies(making(experiment)(), count)
    crowd = making(dataclasses.replace(experiment, num_students=count))().students
    students = jax.tree.map(lambda leaf: leaf[:, None] if eqx.is_array(leaf) else leaf, crowd)
    return eqx.tree_at(lambda members: members.students, members, students)
