"""How errors and warnings look on the command line: one line each, and none of them twice."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

LOGGER = "minimax_eqx"
# Exit codes. SAVED is what sysexits.h calls EX_TEMPFAIL, "try again later": a shell gives 130 and
# 143 also for a process that a signal ended before it had saved anything, and UNREAD, 141, for one
# that a pipe ended which nobody reads any more, such as one into `head`.
FAILED, USAGE_ERROR, SAVED, INTERRUPTED, UNREAD = 1, 2, 75, 130, 141
# What to do where memory is short, by command.
_LESS = {
    "train": "Lower num_levels, num_steps, num_students, the sizes of the networks, of the level "
    "buffer or of the levels, or raise num_accumulation_steps.",
    "resume": "The run keeps its options: continue it on more devices (--devices), or train a new "
    "run with less to do in a cycle.",
    "evaluate": "Lower num_unseen_levels or num_episodes, or the size of the levels.",
}


def fail(message: str, code: int) -> int:
    """Prints the one message of an error, and returns the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return code


def fail_with(error: Exception, command: str) -> int:
    """Prints the one message of an error that a user can cause, and returns the exit code. Raises
    any other error: it is a bug."""
    from jax.errors import JaxRuntimeError
    from jaxtyping import TypeCheckError

    from .._composition._user_code import OwnPartsError
    from .._packages import PackageError
    from .._xla._processes import FirstProcessError

    if isinstance(error, FirstProcessError):
        return USAGE_ERROR
    if isinstance(error, TypeCheckError):
        # Parts that do not fit together; the checker's full report is for developers.
        cause = gist(error.__cause__ or error)
        return fail(f"these parts do not fit together: {cause}", USAGE_ERROR)
    if isinstance(error, OwnPartsError):
        return fail(error.on_command_line, USAGE_ERROR)
    if isinstance(error, ValueError | OSError | PackageError):
        # What is wrong with the words, or with what they name.
        return fail(str(error), USAGE_ERROR)
    if isinstance(error, MemoryError | OverflowError | JaxRuntimeError):
        reason = gist(error)
        about_memory = "RESOURCE_EXHAUSTED" in reason or "out of memory" in reason.lower()
        if about_memory or not isinstance(error, JaxRuntimeError):
            reason = f"there is not enough memory for this ({reason}). {_LESS.get(command, '')}"
        return fail(reason, FAILED)
    from ..experiment import TrainingError

    if isinstance(error, TrainingError):
        return fail(str(error), FAILED)
    raise error


def is_unread(end: str = "") -> bool:
    """Whether nobody reads any more what is printed, found out by printing `end`. If so, the rest
    goes nowhere, so that Python does not complain of it when it ends."""
    try:
        print(end=end, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False


def gist(error: BaseException) -> str:
    """The first line of an error."""
    return next(filter(str.strip, str(error).splitlines()), type(error).__name__)


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
