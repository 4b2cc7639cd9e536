"""Ctrl-C, and the signals of a scheduler, as requests to stop at the next good moment."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Ctrl-C, on Windows also Ctrl-Break: somebody is there, who may lose patience.
_BY_HAND = ("SIGINT", "SIGBREAK")
# What schedulers and `kill` send before they stop waiting.
_BY_SCHEDULERS = ("SIGTERM",)
# What a scheduler sends some time before if it was told to, unless the program uses them itself.
_IF_FREE = ("SIGUSR1", "SIGUSR2")


@contextlib.contextmanager
def stop_on_interrupt(requested: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C, SIGTERM, SIGUSR1 or SIGUSR2 into a request.

    A Ctrl-C after that raises `KeyboardInterrupt`. The others don't, since schedulers repeat them,
    and send several kinds of them, to a process that is saving already.

    Gives a function that says whether there was a request, and calls `requested` when there is.
    Outside the main thread, where Python delivers no signals, it changes nothing. Afterwards the
    signals do what they did before; one that a program in another language handles, or that is
    ignored, is left alone. A signal that the system lacks is none.
    """
    asked = threading.Event()

    def request(number: int, *_: Any) -> None:
        if asked.is_set():
            if signal.Signals(number).name in _BY_HAND:
                raise KeyboardInterrupt
            return
        asked.set()
        try:
            requested()
        except Exception:
            # This may be in the midst of anything.
            logging.getLogger("minimax_eqx").exception("A hook failed when told to stop.")

    with contextlib.ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for name in (*_BY_HAND, *_BY_SCHEDULERS, *_IF_FREE):
                number = getattr(signal, name, None)
                if number is not None and _is_to_take(number, name):
                    stack.callback(signal.signal, number, signal.getsignal(number))
                    signal.signal(number, request)
        yield asked.is_set


def _is_to_take(number: int, name: str) -> bool:
    """Whether the signal does what it does by itself, or what may be replaced for a while."""
    now = signal.getsignal(number)
    if name in _IF_FREE:
        return now == signal.SIG_DFL
    # None: not Python's, which could not put it back. What is ignored is by intention, as in a job
    # that a script has put into the background.
    return now is not None and now != signal.SIG_IGN
