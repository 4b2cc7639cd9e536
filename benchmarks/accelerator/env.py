"""The maze alone, as many side by side as an accelerator can hold."""

from ..env import bench_batch
from .session import Session


def measure(session: Session) -> None:
    """Environment steps per second, as the part `env` on any backend measures them."""
    for batch in session.sizes.env_batches:
        with session.rows.attempt(f"batch {batch}"):
            for name, timing in bench_batch(batch, session.yardstick, session.limits).items():
                line = f"batch {batch}, {name}"
                session.rows.add(line, timing, f"env, {line}")
