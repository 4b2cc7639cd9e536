"""Whether a run still comes nearer to an update."""

import logging
import math

from .._xla._processes import is_first
from ._hooks import Event, Progressed, Started
from ._saving import SaveCheckpoints

# More than any recipe needs to fill its level buffer, or to search for levels.
CYCLES_WITHOUT_UPDATE = 2_000
_NOTHING_ENDED = (
    "No episode has ended in this run, so no level has a score. See that your episodes end "
    "(check_env plays them to the time limit), and that num_steps times rollouts_per_play is not "
    "below max_episode_steps."
)
_TOO_FEW_LEVELS = (
    "There are too few different levels that episodes finish on: lower the buffer's capacity or "
    "min_fill_ratio, raise num_steps or rollouts_per_play, or have the generator make more kinds."
)


class NoticeIdleness:
    """Warns once if no update was made for long, and stops the run if its level buffer did not get
    fuller in that time either, since it would never make one."""

    def __init__(self, save: SaveCheckpoints):
        self._save = save
        # The cycles of the last update, and of the last thing that brought the next one nearer.
        self._updates, self._last_update, self._last_step = 0, 0, 0
        self._fullest, self._any_ended, self._warned = 0.0, False, False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._updates = event.ledger.updates
            self._last_update = self._last_step = event.ledger.cycle
        if isinstance(event, Progressed):
            self._note(event)
            self._judge(event.ledger.cycle, event.row.get("buffer_fill_ratio", math.nan))

    def _note(self, event: Progressed) -> None:
        row, ledger = event.row, event.ledger
        self._any_ended |= not math.isnan(row.get("return", math.nan))
        filled = row.get("buffer_fill_ratio", math.nan)
        if ledger.updates > self._updates:
            self._updates, self._last_update = ledger.updates, ledger.cycle
            self._last_step = ledger.cycle
        if filled > self._fullest or row.get("searching", 0.0) > 0:
            self._fullest, self._last_step = max(filled, self._fullest), ledger.cycle

    def _judge(self, cycle: int, filled: float) -> None:
        advice = _TOO_FEW_LEVELS if self._any_ended else _NOTHING_ENDED
        if cycle - self._last_step >= CYCLES_WITHOUT_UPDATE and filled < 1:
            self._save.stop(
                f"No update for {cycle - self._last_update} cycles, and the level buffer is "
                f"{filled:.0%} full, as it was {cycle - self._last_step} cycles ago",
                advice,
            )
        if cycle - self._last_update >= CYCLES_WITHOUT_UPDATE and not self._warned:
            self._warned = True
            if is_first():
                logging.getLogger("minimax_eqx").warning(
                    "No update for %d cycles. See whether buffer_fill_ratio in metrics.csv rises. "
                    "If it does not: %s",
                    cycle - self._last_update,
                    advice,
                )
