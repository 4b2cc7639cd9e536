"""What two devices spend in communication, as on any backend."""

from ..scaling import bench_communication
from .session import Session


def measure(session: Session) -> None:
    """A cycle of `maze-dr` on two devices, with the gradient at once and in parts."""
    experiment = session.sizes.experiment("maze-dr", session.sizes.communication_levels)
    for line, timing in bench_communication(session.yardstick, session.limits, experiment).items():
        session.rows.add(line, timing)
