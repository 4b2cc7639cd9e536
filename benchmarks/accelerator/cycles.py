"""Training cycles of domain randomisation with more and more levels side by side."""

from .compiled import start_all, time_all
from .session import Session


def measure(session: Session) -> None:
    """The cycle of the first recipe, at each number of levels."""
    name, *_ = session.sizes.levels
    time_levels(session, [name], session.sizes.levels[name])


def time_levels(session: Session, names: list[str], levels: tuple[int, ...]) -> None:
    """Compiles the cycles of these recipes at these numbers of levels, then times them."""
    experiments, beside = {}, {}
    for num_levels in levels:
        for name in names:
            line = f"{name}, {num_levels} levels"
            experiments[line] = session.sizes.experiment(name, num_levels)
            if num_levels == 32:
                beside[line] = name
    time_all(start_all(experiments, session), session, beside)
