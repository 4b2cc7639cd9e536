"""Several runs as one program."""

import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from minimax_eqx.experiment import Config, make_runner
from minimax_eqx.runners import Runner, run_members

from ..cycle import stepper
from ..flops import cycle_flops
from ..machine import peak_device_memory_gb
from ..timing import block, with_rate
from ..timing import measure as measure_call
from .session import Session

Tree = TypeVar("Tree")


def measure(session: Session) -> None:
    """A cycle of `maze-dr` for more and more members; steps are those of all of them."""
    runner = make_runner(session.sizes.config("maze-dr"))
    flops = cycle_flops(runner).of(updated=True, designed=False)
    num_steps = runner.transitions_per_cycle
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


def seeds(config: Config, count: int) -> Runner:
    """So many members, each with a student of its own: those of a population, one for each. That
    takes two programs to make, where a runner for each seed would take as many as there are."""
    members = copies(make_runner(config), count)
    curriculum = dataclasses.replace(config.curriculum, num_students=count)
    crowd = make_runner(dataclasses.replace(config, curriculum=curriculum)).students
    students = filled(members.students, crowd, lambda leaf: leaf[:, None])
    return eqx.tree_at(lambda r: r.students, members, students)


def filled(like: Tree, arrays_of: PyTree, change: Callable[[Array], Array]) -> Tree:
    """A module with the arrays of another of its kind, each changed. What is not an array stays, so
    that a program compiled for the one serves the other: each optimiser, for example, is an object
    of its own."""
    arrays, static = eqx.partition(like, eqx.is_array)
    leaves = [change(leaf) for leaf in jax.tree.leaves(eqx.filter(arrays_of, eqx.is_array))]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), static)
