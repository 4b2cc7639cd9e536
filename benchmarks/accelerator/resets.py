"""The cost of a reset, as on any backend."""

from .. import resets
from .session import Session


def measure(session: Session) -> None:
    """Rollouts of `maze-dr` with short and with long episodes."""
    for line, timing in resets.bench(
        session.yardstick, session.limits, session.sizes.experiment("maze-dr")
    ).items():
        session.rows.add(line, timing, f"resets, {line}")
