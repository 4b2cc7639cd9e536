"""`minimax-eqx completion`."""

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from ..._composition._draft import draft_of
from ..._composition._parts import Parts
from .._commands import COMMANDS, module_of
from .._read import read
from .._words import apply, as_dataclass


@dataclass(frozen=True)
class Completion:
    """Print a script that has a shell complete this program's options: completion bash|zsh.

    Where to write it is in docs/experiments.md.
    """


def main(words: Sequence[str]) -> int:
    """`minimax-eqx completion`."""
    shell, given = read(words)
    apply([draft_of(Completion())], given)
    if shell not in ("bash", "zsh"):
        raise ValueError(f"There is no completion for '{shell}'. Known: bash, zsh.")
    commands = tuple(
        Annotated[
            as_dataclass([*map(draft_of, module_of(name).options())], Parts()),
            tyro.conf.subcommand(name),
        ]
        for name in COMMANDS
    )
    either: Any = typing.Union[commands]  # noqa: UP007
    tyro.cli(either, prog="minimax-eqx", args=["--tyro-print-completion", shell])
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Completion(),)
