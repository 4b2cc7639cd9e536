"""What happened in a run, a line of JSON for each event."""

import datetime
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from .._files import naming
from .._folder._run_folder import EVENTS, RunFolder
from ._hooks import Compiled, Evaluated, Event, Finished, Progressed, Saved, Started, Trained


class WriteEvents:
    """A hook that appends each event to `events.jsonl` in the folder of the run, with the time.

    It is a diary: nothing in it is removed when a run goes on from an earlier checkpoint, whose
    `started` event says so. What was not measured is null. If nothing happens, as in a run that
    was finished before, nothing is written.
    """

    def __init__(self, folder: RunFolder, now: Callable[[], datetime.datetime] | None = None):
        self._path = folder.path / EVENTS
        self._now = now or (lambda: datetime.datetime.now(datetime.UTC))
        self._started: str | None = None

    def __call__(self, event: Event) -> None:
        about = _about(event)
        if about is None:
            return
        line = {"time": self._now().isoformat(timespec="milliseconds"), **about}
        text = f"{json.dumps(_finite(line), allow_nan=False)}\n"
        if isinstance(event, Started):
            self._started = text
            return
        if self._started is not None and isinstance(event, Trained | Finished):
            return
        text, self._started = f"{self._started or ''}{text}", None
        with naming(self._path), open(self._path, "a", encoding="utf-8") as file:
            file.write(text)


def _about(event: Event) -> dict[str, Any] | None:
    """What a line says of an event; None for one that is not written."""
    about: dict[str, Any] | None = None
    match event:
        case Started(ledger=ledger):
            about = {"cycle": ledger.cycle, "updates": ledger.updates}
        case Compiled(seconds=seconds):
            about = {"seconds": seconds}
        case Progressed(row=row):
            about = dict(row)
        case Saved(cycle=cycle):
            about = {"cycle": cycle}
        case Evaluated(evaluation=evaluation):
            # The table has what came of each level.
            about = {name: value for name, value in evaluation.items() if name != "levels"}
        case Trained(ledger=ledger) | Finished(ledger=ledger):
            about = {"cycle": ledger.cycle, "updates": ledger.updates}
            about["interrupted"] = event.interrupted
    return None if about is None else {"event": type(event).__name__.lower(), **about}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    is_number = isinstance(value, float) and math.isfinite(value)
    return value if is_number or not isinstance(value, float) else None
