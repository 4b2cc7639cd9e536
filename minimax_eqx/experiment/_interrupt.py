"""Ctrl-C as a request to stop at the next good moment."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Ctrl-C, and what schedulers and `kill` send before they stop waiting; on Windows also Ctrl-Break.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")


@contextlib.contextmanager
def stop_on_interrupt(requested: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C or SIGTERM into a request; the second raises `KeyboardInterrupt`.

    Gives a function that says whether there was a request, and calls `requested` when there is.
    Outside the main thread, where Python delivers no signals, it changes nothing. Afterwards the
    signals do what they did before; one that a program in another language handles is left to it.
    """
    asked = threading.Event()

    def request(*_: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        try:
            requested()
        except Exception:
            # This may be in the midst of anything, a checkpoint for example.
            logging.getLogger("minimax_eqx").exception("A hook failed when told to stop.")

    with contextlib.ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
                previous = signal.getsignal(number)
                # None: not Python's, which could not put it back.
                if previous is not None:
                    stack.callback(signal.signal, number, previous)
                    signal.signal(number, request)
        yield asked.is_set
