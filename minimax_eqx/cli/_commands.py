"""Which commands there are, and how they are used. It imports nothing of what they do."""

import importlib
import types

# By the name of each: the ways to call it, with what each does.
COMMANDS: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (
        (
            "[RECIPE] [--option value ...]",
            "train a new run (train RECIPE --help lists all options)",
        ),
        ("FILE.py [--option value ...]", "the same for an experiment of yours; or MODULE:NAME"),
    ),
    "sweep": (
        (
            "[RECIPE] [--seeds 1..5] [...]",
            "train several seeds and settings, such as --learning-rate 1e-4,3e-4",
        ),
    ),
    "resume": (
        ("RUN", "continue a run from its newest checkpoint\n(--num-updates N makes it longer)"),
    ),
    "evaluate": (
        (
            "RUN ... [--option value ...]",
            "evaluate trained runs on unseen levels and held-out tests\n"
            "(--suite, --levels, --checkpoint, --tail; evaluate --help lists the mazes)",
        ),
    ),
    "export": (("RUN", "write the trained student alone, for use in programs of yours"),),
    "report": (("RUN... [--out FILE]", "write one page that shows a run, or compares several"),),
    "compare": (
        (
            "RUN ... [--option value ...]",
            "compare methods across seeds, with intervals\n(a run may be a pattern: 'runs/maze-*')",
        ),
    ),
    "levels": (
        ("export RUN FILE", "write the levels that a run keeps into a file"),
        ("import FILE OUT", "check a file of levels of yours, and write it as it is read best"),
        ("show FILE|RUN|MAZE", "draw levels in the terminal, or into a picture with --out"),
    ),
    "play": (("[MAZE|RECIPE|FILE]", "walk through levels yourself"),),
    "watch": (("RUN [--maze MAZE]", "watch a trained student walk, and what it thinks"),),
    "recipes": (("[RECIPE]", "list the recipes, or print one as a file of options"),),
    "completion": (("bash|zsh", "print a script that completes options in a shell"),),
}

_WIDTH = 38


def usage() -> str:
    """What the program prints when it is called without a command."""
    lines = []
    for name, ways in COMMANDS.items():
        for words, about in ways:
            first, *rest = about.split("\n")
            lines.append(f"  {f'{name} {words}':{_WIDTH}}{first}")
            lines += [f"  {'':{_WIDTH}}{line}" for line in rest]
    listed = "\n".join(lines)
    return (
        "usage: minimax-eqx COMMAND ...\n\n"
        f"commands:\n{listed}\n\n"
        "minimax-eqx --version prints the version.\n"
    )


def module_of(name: str) -> types.ModuleType:
    """The module of a command, which has `main(words)` and `options()`."""
    return importlib.import_module(f".commands._{name}", __package__)
