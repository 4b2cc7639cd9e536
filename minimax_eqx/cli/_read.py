"""The words of a command: what it is about, and its options."""

from collections.abc import Sequence

from .._composition._draft import Given
from ._words import given_in_words


def read(words: Sequence[str]) -> tuple[str | None, list[Given]]:
    """The word before all options, if there is one, and what is given after it."""
    has_target = bool(words) and not words[0].startswith("-")
    given = given_in_words("--help" if w == "-h" else w for w in words[has_target:])
    return words[0] if has_target else None, given


def read_several(words: Sequence[str]) -> tuple[list[str], list[Given]]:
    """All words before the options, and what is given after them."""
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return list(words[:count]), given_in_words("--help" if w == "-h" else w for w in words[count:])


def read_run(words: Sequence[str], command: str) -> tuple[str, list[Given]]:
    """The same of a command that begins with the folder of a run. Raises `ValueError` for none."""
    run, given = read(words)
    if not run and not any(g.name == "help" for g in given):
        raise ValueError(f"The folder of the run comes first: minimax-eqx {command} RUN [OPTIONS].")
    return run or "RUN", given
