"""How warnings look on the command line: one line each, and none of them twice."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

LOGGER = "minimax_eqx"


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """While this lasts, Python's warnings and those of the package's log are lines on standard
    error: `warning: ...`, without the line of source that they come from, each of them once."""
    told: set[str] = set()

    def tell(kind: str, text: str) -> None:
        line = f"{kind}: {' '.join(text.split())}"
        if line not in told:
            told.add(line)
            # Looked up now: a progress bar puts its own stream there while it is shown.
            print(line, file=sys.stderr)

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        tell("warning", str(message))

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(record.levelname.lower(), record.getMessage())

    logger, handler = logging.getLogger(LOGGER), Handler(logging.WARNING)
    propagate = logger.propagate
    with warnings.catch_warnings():
        warnings.showwarning = show
        logger.addHandler(handler)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = propagate
            logger.removeHandler(handler)
