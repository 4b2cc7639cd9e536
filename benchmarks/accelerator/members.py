"""Several runs as one program."""

import concurrent.futures
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from minimax_eqx.experiment import make_runner
from minimax_eqx.runners import Runner, run_members

from ..cycle import stepper
from ..flops import cycle_flops
from ..machine import peak_device_memory_gb
from ..timing import block, with_rate
from ..timing import measure as measure_call
from .session import Session


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
    stacked = stack([runner] * count)
    return eqx.tree_at(lambda r: r.key, stacked, jax.random.split(runner.key, count))


def stack(runners: list[Runner]) -> Runner:
    """Runners of one configuration, with whatever seeds, as members with one leading axis."""
    arrays = [jax.tree.leaves(eqx.filter(runner, eqx.is_array)) for runner in runners]
    leaves = [jnp.stack(of_all) for of_all in zip(*arrays, strict=True)]
    dynamic, static = eqx.partition(runners[0], eqx.is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(dynamic), leaves), static)
