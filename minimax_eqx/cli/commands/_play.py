"""`minimax-eqx play`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from ..._composition._draft import draft_of, made
from .._levels import experiment_of, levels_named
from .._read import read
from .._screen import Screen, keys
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
    """A recipe, a run or a file of yours: whose environment to play in, if you name a file."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx play`."""
    target, given = read(words)
    own = draft_of(Play())
    apply([own], given, target=target or "")
    options: Play = made(own)
    with keys("play") as read_key:
        print("One moment.", end="\r", flush=True)
        env = None if options.env is None else experiment_of(options.env).env
        found = levels_named(target or "quickstart", options.num_levels, options.seed, env)
        from .._walk import play

        with Screen(Console(highlight=False)) as screen:
            try:
                said = play(found, read_key, screen, seed=options.seed)
            except KeyboardInterrupt:
                said = ""
    if said:
        print(said)
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Play(),)
