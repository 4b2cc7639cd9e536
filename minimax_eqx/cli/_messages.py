"""How errors and warnings look on the command line: one line each, and none of them twice."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

LOGGER = "minimax_eqx"
USAGE_ERROR, INTERRUPTED = 2, 130  # exit codes


def fail(message: str, code: int) -> int:
    """Prints the one message of an error, and returns the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return code


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """While this lasts, Python's warnings and those of the package's log are lines on standard
    error: `warning: ...`, without the line of source that they come from, each of them once."""
    told: set[str] = set()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = f"{record.levelname.lower()}: {' '.join(record.getMessage().split())}"
            if line not in told:
                told.add(line)
                # Looked up now: a progress bar puts its own stream there while it is shown.
                print(line, file=sys.stderr)

    logger, handler = logging.getLogger(LOGGER), Handler(logging.WARNING)
    propagate = logger.propagate
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: logger.warning("%s", message)
        logger.addHandler(handler)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = propagate
            logger.removeHandler(handler)
