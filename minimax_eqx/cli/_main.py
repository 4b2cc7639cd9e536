"""The command line: `minimax-eqx train`, `resume`, `evaluate`, `presets` and `completion`.

Help, and what is wrong with a command, is told without importing JAX.
"""

import difflib
import importlib.util
import sys
from collections.abc import Sequence

_NEEDS_EXTRA = "the command line needs more packages: pip install 'minimax_eqx[cli]' (missing: {})"

USAGE = """\
usage: minimax-eqx COMMAND ...

commands:
  train [PRESET] [--option value ...]   train a new run (train --help lists all options)
  resume RUN                            continue a run from its newest checkpoint
                                        (--num-updates N makes it longer)
  evaluate RUN [--option value ...]     evaluate a trained run on unseen and held-out mazes
                                        (evaluate --help lists the mazes)
  presets [PRESET]                      list the presets, or show the values of one
  completion bash|zsh                   print a script that completes commands in a shell

minimax-eqx --version prints the version.
"""

COMMANDS = ("train", "resume", "evaluate", "presets", "completion")
USAGE_ERROR, INTERRUPTED = 2, 130
_EXTRA = ("tyro", "rich", "matplotlib", "PIL")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, 1 if training failed, 2 for bad input,
    130 if interrupted."""
    from ..experiment._messages import warnings_in_one_line

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with warnings_in_one_line():
            return _dispatch(arguments)
    except KeyboardInterrupt:
        return fail("interrupted; what came after the last checkpoint is lost", INTERRUPTED)
    except SystemExit as error:
        # How the parser of options ends after --help, and after a wrong option.
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1


def fail(message: str, code: int) -> int:
    """Prints the one message of an error, and returns the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE_ERROR
    if arguments[0] == "--version":
        from .._version import VERSION

        print(VERSION)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return fail(f"there is no command '{name}'.{hint}\n\n{USAGE.rstrip()}", USAGE_ERROR)
    # All of them now: a run should not fail at its end for want of a package.
    missing = [package for package in _EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        return fail(_NEEDS_EXTRA.format(", ".join(missing)), USAGE_ERROR)
    from . import _commands as commands

    return getattr(commands, name)(rest)
