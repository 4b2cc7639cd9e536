"""Who is told about a run as it goes."""

from typing import Any, Protocol, runtime_checkable

from ..runners import Runner
from ._config import Config
from ._ledger import Ledger


@runtime_checkable
class Listener(Protocol):
    """Told about a run as it goes, in the host's loop between dispatches."""

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        """Before anything is compiled; `ledger` holds what earlier parts of the run have spent."""

    def compiled(self, seconds: float) -> None:
        """The training program is compiled."""

    def progressed(self, row: dict[str, float]) -> None:
        """A log interval is over; `row` is its row of metrics.csv."""

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        """The students were evaluated; see `evaluate_run`."""

    def stopping(self) -> None:
        """The run was asked to stop, and will after the dispatch at work. Called from the signal's
        handler, between any two steps of the main thread."""


class Silent:
    """Nobody."""

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        pass

    def compiled(self, seconds: float) -> None:
        pass

    def progressed(self, row: dict[str, float]) -> None:
        pass

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        pass

    def stopping(self) -> None:
        pass
