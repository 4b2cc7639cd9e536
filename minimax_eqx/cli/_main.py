"""The command line `minimax-eqx`."""

import atexit
import difflib
import gc
import importlib.util
import sys
from collections.abc import Sequence

from .. import _checks
from ._commands import COMMANDS, module_of, usage
from ._messages import (
    INTERRUPTED,
    UNREAD,
    USAGE_ERROR,
    fail,
    fail_with,
    is_unread,
    warnings_in_one_line,
)

_HELP = {"-h", "--help", "recipes", "completion"}
_NEEDS_EXTRA = "the command line needs more packages: pip install 'minimax_eqx[cli]' (missing: {})"

_EXTRA = ("tyro", "yaml", "rich", "PIL")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, 1 if training failed, 2 for bad input,
    75 if it was interrupted and saved, 130 if it was interrupted at once, 141 if nobody read to the
    end what it printed."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and not _HELP.isdisjoint(arguments):
        # Help computes nothing. It does not wait for the checks of what does, nor for Python to
        # look for garbage, which takes a third of the time, at the end as well.
        _checks.uninstall()
        gc.disable()
        atexit.register(gc.freeze)
    code = _exit_code(arguments)
    # What is not written yet would fail when Python ends.
    return (code or UNREAD) if is_unread() else code


def _exit_code(arguments: list[str]) -> int:
    try:
        with warnings_in_one_line():
            return _dispatch(arguments)
    except BrokenPipeError as error:
        return UNREAD if is_unread(end="\n") else fail_with(error, arguments[0])
    except KeyboardInterrupt:
        return fail("interrupted; what came after the last checkpoint is lost", INTERRUPTED)
    except SystemExit as error:
        # How the parser of options ends after --help, and after a wrong option.
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(), end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE_ERROR
    if arguments[0] == "--version":
        from .._version import VERSION

        print(VERSION)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return fail(f"there is no command '{name}'.{hint}\n\n{usage().rstrip()}", USAGE_ERROR)
    # All of them now: a run should not fail at its end for want of a package.
    missing = [package for package in _EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        return fail(_NEEDS_EXTRA.format(", ".join(missing)), USAGE_ERROR)
    try:
        return module_of(name).main(rest)
    except BrokenPipeError:
        raise
    except Exception as error:
        return fail_with(error, name)
