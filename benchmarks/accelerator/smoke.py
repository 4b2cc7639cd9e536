"""Does it run, does it compute what a CPU computes, and how soon?"""

import pathlib
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from minimax_eqx import Experiment, run
from minimax_eqx.recipes import maze
from minimax_eqx.runners._ahead import making

from ..startup import bench_once
from .session import Session

RECORDED = pathlib.Path(__file__).parent / "update_on_a_cpu.npz"
TOLERANCE = 1e-4


def measure(session: Session) -> None:
    """One update beside a CPU's, and processes from their start to their first cycles."""
    with session.rows.attempt("one update beside a CPU's"):
        compare(session)
    start = session.sizes.start
    with session.rows.attempt(f"start of {start}"):
        for kind, timing in bench_once(start):
            row = timing | {"note": f"then {timing['later_cycle']:.4g} s a cycle"}
            session.rows.add(f"start of {start}, {kind}", row, f"start:{start}, {kind}")


def compare(session: Session) -> None:
    """A row with the largest difference. Raises `ValueError` if it is above the tolerance."""
    with np.load(RECORDED, allow_pickle=False) as recorded:
        found = differences(one_update(), dict(recorded))
    name, most = max(found.items(), key=lambda pair: pair[1])
    if most > TOLERANCE:
        raise ValueError(f"{name} differs from the CPU's by {most:.2g}; at most {TOLERANCE:g}.")
    note = f"{len(found)} quantities differ by at most {most:.1g} ({name})"
    session.rows.add("one update beside a CPU's", {"largest_difference": most, "note": note})


def small_run() -> Experiment:
    """Domain randomisation in small: few levels and steps, a narrow network, large steps."""
    return maze.dr(
        max_episode_steps=32,
        num_levels=8,
        num_steps=32,
        hidden_size=16,
        num_filters=8,
        head_size=8,
        learning_rate=1e-3,
    )


def one_update() -> dict[str, Array]:
    """The metrics of the first cycle, and the network after its update, with all of float32."""
    # Random numbers are the same on every backend; a less precise product would move some action
    # across the edge between two, and all that follows with it.
    with jax.default_matmul_precision("float32"):
        runner, metrics = run(making(small_run())(), 1)
    network = eqx.filter(runner.students.network, eqx.is_inexact_array)
    leaves, _ = jax.tree_util.tree_flatten_with_path(network)
    return {f"metric {name}": value for name, value in metrics.items()} | {
        f"network{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves
    }


def differences(found: Mapping[str, Array], recorded: Mapping[str, Array]) -> dict[str, float]:
    """The largest difference of each quantity, in units of 1 or, of what is larger, of itself; what
    is not a number in one has to be so in the other.

    Raises `ValueError`, naming it, for a quantity that only one of them has.
    """
    if odd := sorted(found.keys() ^ recorded.keys()):
        raise ValueError(
            f"The recorded update and this one differ in what they have: {', '.join(odd[:3])}. "
            "Record it again with `benchmarks/accelerator/run --record`, on a CPU."
        )
    result = {}
    for name in recorded:
        value, expected = (np.asarray(one[name], np.float64) for one in (found, recorded))
        off = np.where(np.isnan(value) & np.isnan(expected), 0.0, np.abs(value - expected))
        scaled = np.nan_to_num(off, nan=np.inf) / np.maximum(1.0, np.nan_to_num(np.abs(expected)))
        result[name] = float(scaled.max())
    return result


def record() -> pathlib.Path:
    """Writes what a CPU computes. Raises `ValueError` on any other backend."""
    if jax.default_backend() != "cpu":
        raise ValueError(f"The update is recorded on a CPU; this is {jax.default_backend()}.")
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in one_update().items()}
    np.savez_compressed(RECORDED, **arrays)
    return RECORDED
