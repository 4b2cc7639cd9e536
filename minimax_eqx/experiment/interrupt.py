"""Ctrl-C as a request to stop at the next good moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, and what schedulers and `kill` send before they stop waiting.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_interrupt(requested: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C or SIGTERM into a request; the second raises `KeyboardInterrupt`.

    Gives a function that says whether there was a request, and calls `requested` when there is.
    Outside the main thread, where Python delivers no signals, it changes nothing.
    """
    stop = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        if stop:
            raise KeyboardInterrupt
        stop = True
        requested()

    previous = {}
    try:
        for number in _SIGNALS:
            previous[number] = signal.signal(number, request)
    except ValueError:
        yield lambda: False
        return
    try:
        yield lambda: stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
