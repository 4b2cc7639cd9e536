"""`minimax-eqx play`."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import draft_of, made
from .._levels import experiment_of, levels_named
from .._read import read
from .._screen import on_screen
from .._words import apply


@dataclass(frozen=True)
class Play:
    """Walk through levels in the terminal, with what an agent would see beside you.

    Name a held-out maze, a recipe, whose kind of levels you get, or a file of levels. Without a
    name it is the quickstart's.
    """

    num_levels: int = 20
    """How many levels there are to choose from, if they are drawn at random."""
    seed: int = 0
    """Seed of levels that are drawn at random."""
    env: str | None = None
    """A recipe, a run or a file of yours, FILE.py or FILE.py:NAME: whose environment to play in, if
    you name a file of levels."""
    file: str | None = None
    """The file of yours that the run was made from, if --env is a run that was."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx play`."""
    target, given = read(words)
    own = draft_of(Play())
    apply([own], given, target=target or "")
    options: Play = made(own)
    return on_screen("play", functools.partial(_prepared, target or "quickstart", options))


def _prepared(target: str, options: Play) -> Callable[..., str]:
    """What lets somebody walk, with a source of keys and a screen."""
    env = None if options.env is None else experiment_of(options.env, options.file).env
    found = levels_named(target, options.num_levels, options.seed, env)
    from .._walk import play

    return functools.partial(play, found, seed=options.seed)


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Play(),)
