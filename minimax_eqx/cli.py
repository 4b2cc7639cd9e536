"""The command line: `minimax-eqx train`, `evaluate` and `presets`."""

import difflib
import importlib.util
import sys
from collections.abc import Sequence

_NEEDS_EXTRA = (
    "error: the command line needs more packages: pip install 'minimax_eqx[cli]' (missing: {})"
)

USAGE = """\
usage: minimax-eqx COMMAND ...

commands:
  train [PRESET] [--option value ...]   train a new run (train --help lists all options)
  train --resume RUN                    continue a run from its newest checkpoint
                                        (--num-updates N makes it longer)
  evaluate RUN [--option value ...]     evaluate a trained run on unseen and held-out mazes
  presets                               list the presets

minimax-eqx --version prints the version.
"""

COMMANDS = ("train", "evaluate", "presets")
USAGE_ERROR, INTERRUPTED = 2, 130
_EXTRA = ("tyro", "rich", "orbax", "matplotlib", "PIL")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, 1 if training failed, 2 for bad input,
    130 if interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        print("error: interrupted; what came after the last checkpoint is lost", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as error:
        # How the parser of options ends after --help, and after a wrong option.
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE_ERROR
    if arguments[0] == "--version":
        from ._version import VERSION

        print(VERSION)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        print(f"error: there is no command '{name}'.{hint}\n\n{USAGE}", file=sys.stderr, end="")
        return USAGE_ERROR
    # All of them now: a run should not fail at its end for want of a package.
    missing = [package for package in _EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        print(_NEEDS_EXTRA.format(", ".join(missing)), file=sys.stderr)
        return USAGE_ERROR
    from .experiment import commands

    return getattr(commands, name)(rest)


if __name__ == "__main__":
    sys.exit(main())
