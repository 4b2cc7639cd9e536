"""The words of a command line as changes to a composition, and its options in the help."""

import dataclasses
import inspect
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union

import tyro

from .._composition._draft import NONE, Draft, Given, Option, choose, options_of, plain, short_name
from .._composition._options import value_of
from .._composition._parts import REQUIRED, Parts, help_of, name_of


def given_in_words(words: Iterable[str]) -> list[Given]:
    """What the words of a command line give. Raises `ValueError` for a word before any option."""
    given: list[Given] = []
    for word in words:
        if word.startswith("--"):
            name, is_given, value = word.removeprefix("--").partition("=")
            given.append(Given(name, (value,) if is_given else (), f"--{name}"))
        elif not given:
            raise ValueError(f"'{word}' is not expected here; options begin with --.")
        else:
            given[-1] = dataclasses.replace(given[-1], words=(*given[-1].words, word))
    return given


def apply(
    drafts: Sequence[Draft], given: Sequence[Given], parts: Parts | None = None, target: str = ""
) -> None:
    """Changes drafts to what was given. After `--help` it prints that of the command whose options
    the first draft has, with `target` after its name, and ends the program.

    Raises `ValueError`, with its place, for what cannot be.
    """
    parts, command = parts or Parts(), drafts[0].cls
    for option, g in choose(drafts, [g for g in given if g.name != "help"], parts):
        option.draft.values[option.field.name] = value_of(option, g)
    if any(g.name == "help" for g in given):
        tyro.cli(
            as_dataclass(drafts, parts),
            args=["--help"],
            prog=f"minimax-eqx {_words_of(command.__name__)} {target}".strip(),
            description=inspect.getdoc(command) or "",
        )


def _words_of(name: str) -> str:
    """What a user types for a command, `levels show` for `LevelsShow`."""
    return " ".join(re.findall("[A-Z][a-z]*", name)).lower()


def as_dataclass(drafts: Sequence[Draft], parts: Parts) -> type:
    """The options of drafts for the parser: a dataclass for each part, a box in its help."""
    options = [option for draft in drafts for option in options_of(draft)]
    by_part = itertools.groupby(options, lambda o: (o.path.rpartition(".")[0], o.draft.cls))
    boxes: list[Any] = []
    for (path, cls), of_part in by_part:
        box = _dataclass([_typed(option, options, parts) for option in of_part])
        # Without one the parser looks for its source.
        summary = (inspect.getdoc(cls) or "").partition("\n\n")[0] or cls.__name__
        title = f"{path} ({name_of(cls)})" if path else name_of(cls)
        about = tyro.conf.arg(name=title, help=summary)
        boxes.append((f"part_{len(boxes)}", Annotated[box, about], dataclasses.field()))
    return _dataclass(boxes)


def _typed(option: Option, options: Sequence[Option], parts: Parts) -> tuple[str, Any, Any]:
    """An option as the field of a dataclass: name, type and default."""
    field, value = option.field, option.value
    names = (*parts.of(field.kinds), *([NONE] if field.can_be_none else []))
    hint: Any = Literal[names] if field.kinds else field.plain
    if field.can_be_none and not field.kinds:
        hint = Union[hint, None]  # noqa: UP007
    argument = tyro.conf.arg(
        name=short_name(option, options).replace("_", "-"),
        help=help_of(option.draft.cls).get(field.name, ""),
        prefix_name=False,
    )
    shown = NONE if field.kinds and value is None else plain(value)
    default: Any = {} if value is REQUIRED else {"default_factory": lambda: shown}
    return field.name, Annotated[hint, argument], dataclasses.field(**default)


def _dataclass(fields: Sequence[tuple[str, Any, Any]]) -> type:
    return dataclasses.make_dataclass("Options", fields, frozen=True, kw_only=True)
