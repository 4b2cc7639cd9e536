"""Training cycles with more and more levels side by side."""

from .compiled import start_all, time_all
from .session import Session


def measure(session: Session) -> None:
    """Each kind of cycle of the presets: first domain randomisation, then the others together."""
    first, *others = session.sizes.levels
    for names in ((first,), others):
        configs, beside = {}, {}
        for num_levels in sorted({n for name in names for n in session.sizes.levels[name]}):
            for name in names:
                if num_levels not in session.sizes.levels[name]:
                    continue
                line = f"{name}, {num_levels} levels"
                configs[line] = session.sizes.config(name, num_levels)
                if num_levels == 32:
                    beside[line] = name
        time_all(start_all(configs, session), session, beside)
