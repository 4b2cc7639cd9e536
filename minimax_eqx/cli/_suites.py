"""Suites by the names of their mazes, as in `--suite minimax-12`."""

from collections.abc import Sequence

from .._composition._draft import Given
from .._composition._parts import Parts, nearest
from ..envs import AbstractSuite
from ..envs.maze._held_out_names import ALIASES, LISTS, MAZE_PREFIX, MAZES, MAZES_WITH_MORE


def with_mazes_by_name(given: Sequence[Given], parts: Parts) -> list[Given]:
    """The options, in which names of mazes for a suite are what the suite of mazes has them as.

    Raises `ValueError`, with its place, for what is neither a suite nor a maze.
    """
    mazes = (*LISTS, *MAZES, *MAZES_WITH_MORE, *ALIASES)
    changed: list[Given] = []
    for g in given:
        if g.name != "suite" or not g.words:
            changed.append(g)
            continue
        words = [word for several in g.words for word in several.split(",")]
        if any(word.removeprefix(MAZE_PREFIX) in mazes for word in words):
            changed.append(Given("suite", ("held-out-mazes",), g.place))
            changed.append(Given("mazes", g.words, g.place))
            continue
        names = ("none", *parts.of((AbstractSuite,)))
        for word in words:
            if word not in names:
                raise ValueError(
                    f"{g.place} {word}: there is no such suite."
                    f"{nearest(word, (*names, *mazes))} Suites are {', '.join(names)}; lists of "
                    f"mazes are {', '.join(LISTS)}; and 'minimax-eqx evaluate --help' has the "
                    "names of mazes."
                )
        changed.append(g)
    return changed
