"""The command line: `minimax-eqx train`, `evaluate` and `presets`."""

import difflib
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
  evaluate RUN [--option value ...]     evaluate a trained run on unseen and held-out mazes
  presets                               list the presets

minimax-eqx --version prints the version.
"""

USAGE_ERROR, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, 1 if training failed, 2 for bad input,
    130 if interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else USAGE_ERROR
    if arguments[0] == "--version":
        from ._version import VERSION

        print(VERSION)
        return 0
    try:
        from .experiment import commands
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("minimax_eqx"):
            raise
        print(_NEEDS_EXTRA.format(error.name), file=sys.stderr)
        return USAGE_ERROR
    known = {
        "train": commands.train,
        "evaluate": commands.evaluate,
        "presets": commands.presets,
    }
    name, *rest = arguments
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        print(f"error: there is no command '{name}'.{hint}\n\n{USAGE}", file=sys.stderr, end="")
        return USAGE_ERROR
    return known[name](rest)


if __name__ == "__main__":
    sys.exit(main())
