"""The words of a command line and the lines of a file of options, as changes to a composition."""

import contextlib
import dataclasses
import inspect
import io
import itertools
import operator
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import tyro
import yaml

from ..experiment._draft import (
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
from ..experiment._parts import REQUIRED, Parts, help_of, name_of
from ..experiment._plain import CLASS

Own = TypeVar("Own")
_YES, _NO = ([], ["true"], ["yes"], ["on"]), (["false"], ["no"], ["off"])
_WANTED: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}


def given_in_words(words: Iterable[str]) -> Iterator[Given]:
    """What the words of a command line give. Raises `ValueError` for a word before any option."""
    name: str | None = None
    values: list[str] = []
    for word in [*words, "--"]:
        if word.startswith("--"):
            if name is not None:
                yield Given(name, tuple(values), f"--{name}")
            name, is_given, value = word.removeprefix("--").partition("=")
            values = [value] if is_given else []
        elif name is None:
            raise ValueError(f"'{word}' is not expected here; options begin with --.")
        else:
            values.append(word)


def given_in_file(path: pathlib.Path) -> list[Given]:
    """What a file of options gives, in YAML or JSON. Raises `ValueError`, naming the line."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{path} holds no options, which are lines of NAME: VALUE.")
    return list(_given_in_node(root, path, "")) if root else []


def _given_in_node(node: yaml.Node, path: pathlib.Path, name: str) -> Iterator[Given]:
    place = f"{path}, line {node.start_mark.line + 1}: {name}"
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            is_class = key.value == CLASS
            inner = name if is_class else f"{name}{'.' if name else ''}{key.value}"
            if inner:  # not the class of all of it
                yield from _given_in_node(value, path, inner)
    elif isinstance(node, yaml.SequenceNode):
        if any(not isinstance(item, yaml.ScalarNode) for item in node.value):
            raise ValueError(f"{place} is a list of parts, which only Python can write.")
        yield Given(name, tuple(_word(item) for item in node.value), place)
    else:
        yield Given(name, (_word(node),), place)


def _word(node: yaml.Node) -> str:
    return NONE if node.tag == "tag:yaml.org,2002:null" else node.value


def apply(
    draft: Draft, given: Sequence[Given], parts: Parts, own: Own, prog: str, description: str = ""
) -> Own:
    """Changes a draft to what was given, and returns the own options of a command likewise.

    `own` is a dataclass of options that are no fields of the composition. Raises `ValueError`, with
    its place, for what cannot be; after `--help`, ends the program as the parser does.
    """
    own_names = {"help"} | {option.name for option in dataclasses.fields(cast(Any, own))}
    is_own = [g.name.replace("-", "_").removeprefix("no_") in own_names for g in given]
    fields = choose(draft, list(itertools.compress(given, map(operator.not_, is_own))), parts)
    options = list(options_of(draft, parts))
    words = {g.place: ([flag(g.name), *g.words], "") for g in itertools.compress(given, is_own)}
    words |= {g.place: _words(o, g, flag(short_name(o, options))) for o, g in fields}
    own_type = tyro.conf.OmitArgPrefixes[type(own)]
    typed = _dataclass("run", [("run", own_type, own), *_boxes(options, parts)])
    parsed = _parse(typed, words, prog, description)
    for option, _ in fields:
        box = getattr(parsed, _box_of(option))
        option.draft.values[option.field.name] = getattr(box, option.field.name)
    return parsed.run


def _boxes(options: Sequence[Option], parts: Parts) -> Iterator[tuple[str, Any, Any]]:
    """The options of each part as a dataclass, of which the parser's help makes a box."""
    for _, several in itertools.groupby(options, key=_box_of):
        of_part = list(several)
        part = of_part[0].draft.cls
        made = _dataclass(name_of(part), [_typed(o, options, parts) for o in of_part])
        made.__doc__ = (inspect.getdoc(part) or "").partition("\n\n")[0]
        path = of_part[0].path.rpartition(".")[0]
        title = f"{path} ({name_of(part)})" if path else "experiment"
        yield _box_of(of_part[0]), Annotated[made, tyro.conf.arg(name=title)], REQUIRED


def _box_of(option: Option) -> str:
    return "of_" + option.path.rpartition(".")[0].replace(".", "__")


def _typed(option: Option, options: Sequence[Option], parts: Parts) -> tuple[str, Any, Any]:
    """An option as the field of a dataclass: name, type and default."""
    field, value = option.field, option.value
    names = [*parts.of(field.kinds), *([NONE] if field.kinds and field.can_be_none else [])]
    types = [Literal[tuple(names)]] if names else []
    types += [field.plain] if field.plain else []
    types += [None] if field.can_be_none and not names else []
    argument = tyro.conf.arg(
        name=flag(short_name(option, options)).removeprefix("--"),
        help=help_of(option.draft.cls).get(field.name),
        prefix_name=False,
    )
    default = NONE if names and value is None else plain(value)
    return field.name, Annotated[Union[tuple(types)], argument], default  # noqa: UP007


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
    plain_type, words = option.field.plain, list(given.words)
    is_several = any(get_origin(t) is tuple for t in (plain_type, *get_args(plain_type)))
    is_choice = get_origin(plain_type) is Literal
    choices = (
        f"one of {', '.join(map(str, get_args(plain_type)))}" if is_choice else "another value"
    )
    wanted = _WANTED.get(plain_type, choices)
    if option.field.can_be_none:
        wanted += " or none"
    if plain_type is bool and words in _YES:
        return [name], wanted
    if plain_type is bool and words in _NO:
        above, _, last = name.removeprefix("--").rpartition(".")
        return [f"--{above}{'.' if above else ''}no-{last}"], wanted
    if plain_type is bool or (len(words) != 1 and not is_several):
        raise ValueError(f"{given.place} is {' '.join(words) or 'empty'}; it must be {wanted}.")
    if is_several:
        words = [part for word in words for part in word.split(",") if part]
    return [name, *(["None"] if option.field.can_be_none and words == [NONE] else words)], wanted


def _parse(
    typed: type, words: Mapping[str, tuple[Sequence[str], str]], prog: str, description: str
) -> Any:
    args = [word for several, _ in words.values() for word in several]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
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
