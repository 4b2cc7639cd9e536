"""Training cycles of the other methods with more and more levels side by side."""

from .cycles import time_levels
from .session import Session


def measure(session: Session) -> None:
    """The cycles of every recipe but the first, one number of levels after another.

    Their compilation takes most of the time, so that what was timed by then is kept.
    """
    _, *names = session.sizes.levels
    for num_levels in session.sizes.levels[names[0]]:
        time_levels(session, names, (num_levels,))
