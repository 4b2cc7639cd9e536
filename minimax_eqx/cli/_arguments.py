"""Mistakes among the words of a command line that its parser passes over, or tells badly."""

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..experiment._config import Config
from ..experiment._options import ConfigError

_YES_OR_NO = {"true", "false", "yes", "no", "on", "off", "0", "1"}


def option_types(*groups: type) -> dict[str, Any]:
    """The options of these groups and of the groups in them, as names, with their types."""
    found: dict[str, Any] = {}
    for group in groups:
        for name, hint in typing.get_type_hints(group).items():
            if dataclasses.is_dataclass(hint):
                found |= option_types(typing.cast(type, hint))
            else:
                found[name] = hint
    return found


def check_words(words: Sequence[str], options: Mapping[str, Any]) -> None:
    """Looks at the words of a command whose options have these types.

    Raises `ConfigError` for a switch with a value, a whole number that is written as a fraction,
    and a value that is empty.
    """
    for name, values in _options_of(words):
        hint = options.get(name)
        value = values[0] if values else None
        if hint is bool and value is not None and value.lower() in _YES_OR_NO:
            raise ConfigError(
                f"{_flag(name)} takes no value, and is given {value}: write {_flag(name)} or "
                f"--no-{name.replace('_', '-')}."
            )
        if int in (hint, *typing.get_args(hint)) and value is not None:
            _check_whole(name, value)
        if "" in values:
            raise ConfigError(f"The value of {_flag(name)} is empty.")


def option_names(words: Iterable[str]) -> list[str]:
    """The options that words of a command line name, in Python's spelling."""
    return [name for name, _ in _options_of(words)]


def closed_to_resume(names: Iterable[str], open_to_resume: Iterable[str]) -> str | None:
    """Why these options cannot be given with `--resume`, or None if they can."""
    everything = option_types(Config)
    state = Config().what_decides_the_state()
    refused = [n for n in names if n in everything and n not in open_to_resume]
    if not refused:
        return None
    flags = " and ".join(map(_flag, open_to_resume))
    told = f"{', '.join(map(_flag, refused))}: with --resume, a run keeps its options; {flags} can"
    fixed = [name for name in refused if name in state]
    if fixed:
        return (
            f"{told} be given. Its state depends on {', '.join(fixed)}: for another value, train "
            "a new run (without --resume)."
        )
    return f"{told} be given here, and {', '.join(refused)} be changed in its config.json."


def _check_whole(name: str, value: str) -> None:
    try:
        int(value)
        return
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return  # The parser says what it expected.
    example = f", such as {int(number)}" if number.is_integer() else ""
    raise ConfigError(f"{_flag(name)} is {value}; it must be a whole number{example}.")


def _options_of(words: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option's name, without a `no` before it, and the words that follow."""
    current: tuple[str, list[str]] | None = None
    for word in words:
        if word.startswith("--") and len(word) > 2:
            if current:
                yield current
            flag, is_given, value = word.removeprefix("--").partition("=")
            name = flag.replace("-", "_").removeprefix("no_")
            current = (name, [value] if is_given else [])
        elif current:
            current[1].append(word)
    if current:
        yield current


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
