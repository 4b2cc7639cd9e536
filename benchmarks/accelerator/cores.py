"""Recurrent cores side by side."""

from ..phases import bench_cores
from .session import Session


def measure(session: Session) -> None:
    """Rollout and update of the student of `maze-dr` with each core."""
    sizes = session.sizes
    for num_levels in sizes.core_levels:
        with session.rows.attempt(f"{num_levels} levels"):
            experiment = sizes.experiment("maze-dr", num_levels)
            timings = bench_cores(session.yardstick, session.limits, experiment, sizes.cores)
            for line, timing in timings.items():
                beside = f"cores, {line}" if num_levels == 32 else None
                session.rows.add(f"{num_levels} levels, {line}", timing, beside)
