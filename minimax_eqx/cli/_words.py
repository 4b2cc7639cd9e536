"""The words of a command line and the lines of a file of options, as changes to a composition."""

import contextlib
import dataclasses
import inspect
import io
import itertools
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro
import yaml

from .._composition._draft import (
    NONE,
    Draft,
    Given,
    Option,
    choose,
    flag,
    options_of,
    plain,
    short_name,
)
from .._composition._parts import REQUIRED, Parts, help_of, name_of
from .._composition._plain import CLASS

_YES, _NO = ([], ["true"], ["yes"], ["on"]), (["false"], ["no"], ["off"])
_WANTED: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}


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


def given_in_file(path: pathlib.Path) -> list[Given]:
    """What a file of options gives, in YAML or JSON. Raises `ValueError`, naming the line."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{path} holds no options, which are lines of NAME: VALUE.")
    return list(_given_in_node(root, path, "")) if root else []


def _given_in_node(node: yaml.Node, path: pathlib.Path, name: str) -> Iterator[Given]:
    place = f"{path}, line {node.start_mark.line + 1}: {name}"
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = name if key.value == CLASS else f"{name}{'.' if name else ''}{key.value}"
            if inner:  # not the class of all of it
                yield from _given_in_node(value, path, inner)
        return
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(item, yaml.ScalarNode) for item in items):
        raise ValueError(f"{place} is a list of parts, which only Python can write.")
    nothing = "tag:yaml.org,2002:null"
    yield Given(name, tuple(NONE if i.tag == nothing else i.value for i in items), place)


def apply(
    drafts: Sequence[Draft], given: Sequence[Given], parts: Parts, prog: str, description: str
) -> None:
    """Changes drafts to what was given; after `--help`, ends the program as the parser does.

    Raises `ValueError`, with its place, for what cannot be.
    """
    asked = [g for g in given if g.name == "help"]
    fields = choose(drafts, [g for g in given if g not in asked], parts)
    options = [option for draft in drafts for option in options_of(draft)]
    words = {g.place: _words(o, g, flag(short_name(o, options))) for o, g in fields}
    words |= {g.place: (["--help"], "") for g in asked}
    # All of them for the help alone, since to describe them takes longer than to read some.
    needed = options if asked else [o for o in options if any(o == other for other, _ in fields)]
    boxes = [_box(several, options, parts, told=bool(asked)) for several in _by_part(needed)]
    parsed = _parse(_dataclass("Options", boxes), words, prog, description)
    for option, _ in fields:
        box = getattr(parsed, _key(option))
        option.draft.values[option.field.name] = getattr(box, option.field.name)


def as_dataclass(drafts: Sequence[Draft], parts: Parts) -> type:
    """The options of drafts for the parser, which makes completions of them."""
    options = [option for draft in drafts for option in options_of(draft)]
    boxes = [_box(several, options, parts, told=True) for several in _by_part(options)]
    return _dataclass("Options", boxes)


def _by_part(options: Iterable[Option]) -> Iterator[list[Option]]:
    return (list(several) for _, several in itertools.groupby(options, key=_key))


def _box(
    of_part: Sequence[Option], options: Sequence[Option], parts: Parts, *, told: bool
) -> tuple[str, Any, Any]:
    """The options of one part as a dataclass, of which the parser's help makes a box."""
    cls, path = of_part[0].draft.cls, of_part[0].path.rpartition(".")[0]
    box = _dataclass(cls.__name__, [_typed(o, options, parts, told=told) for o in of_part])
    # Without one the parser looks for its source.
    summary = (inspect.getdoc(cls) or "").partition("\n\n")[0] or cls.__name__
    title = f"{path} ({name_of(cls)})" if path else name_of(cls)
    return _key(of_part[0]), Annotated[box, tyro.conf.arg(name=title, help=summary)], REQUIRED


def _key(option: Option) -> str:
    path = option.path.rpartition(".")[0]
    return f"of_{path.replace('.', '__') or option.draft.cls.__name__}"


def _typed(
    option: Option, options: Sequence[Option], parts: Parts, *, told: bool
) -> tuple[str, Any, Any]:
    """An option as the field of a dataclass: name, type and default."""
    field, value = option.field, option.value
    names = (*parts.of(field.kinds), *([NONE] if field.can_be_none else []))
    hint: Any = Literal[names] if field.kinds else field.plain
    if field.can_be_none and not field.kinds:
        hint = Union[hint, None]  # noqa: UP007
    argument = tyro.conf.arg(
        name=flag(short_name(option, options)).removeprefix("--"),
        help=help_of(option.draft.cls).get(field.name, "") if told else "",
        prefix_name=False,
    )
    default = NONE if field.kinds and value is None else plain(value)
    return field.name, Annotated[hint, argument], default


def _dataclass(name: str, fields: Iterable[tuple[str, Any, Any]]) -> type:
    """A dataclass of fields with types and defaults."""
    made = [
        (field, hint)
        if default is REQUIRED
        else (field, hint, dataclasses.field(default_factory=lambda value=default: value))
        for field, hint, default in fields
    ]
    return dataclasses.make_dataclass(name, made, frozen=True, kw_only=True)


def _words(option: Option, given: Given, name: str) -> tuple[list[str], str]:
    """What was given for a field, in the parser's words, and what should have been.

    Raises `ValueError` for another number of words than it takes.
    """
    hint, words = option.field.plain, list(given.words)
    is_several = any(get_origin(t) is tuple for t in (hint, *get_args(hint)))
    choices = f"one of {', '.join(map(str, get_args(hint)))}" if get_origin(hint) is Literal else ""
    wanted = _WANTED.get(hint, choices or "another value")
    wanted += " or none" if option.field.can_be_none else ""
    if hint is bool and words in _YES:
        return [name], wanted
    if hint is bool and words in _NO:
        above, dot, last = name.removeprefix("--").rpartition(".")
        return [f"--{above}{dot}no-{last}"], wanted
    if hint is bool or (len(words) != 1 and not is_several) or "" in words:
        raise ValueError(f"{given.place} is {' '.join(words) or 'empty'}; it must be {wanted}.")
    if is_several:
        words = [part for word in words for part in word.split(",") if part]
    return [name, *(["None"] if option.field.can_be_none and words == [NONE] else words)], wanted


def _parse(
    typed: type, words: Mapping[str, tuple[Sequence[str], str]], prog: str, description: str
) -> Any:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = [word for several, _ in words.values() for word in several]
            return tyro.cli(typed, args=args, prog=prog, description=description)
    except SystemExit as error:
        if error.code in (None, 0):
            raise
    # It draws a box around the gist and its advice.
    lines = [line.strip("│ ") for line in said.getvalue().splitlines()[1:]]
    gist = " ".join(itertools.takewhile(lambda line: not line.startswith("──"), lines))
    for place, ([name, *values], wanted) in words.items():
        if wanted and re.search(rf"{name}(?![\w.-])", gist):
            raise ValueError(f"{place} is {' '.join(values)}; it must be {wanted}.")
    raise ValueError(gist)
