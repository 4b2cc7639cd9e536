"""The words of a command line and the lines of a file of options, as changes to a composition."""

import contextlib
import dataclasses
import inspect
import io
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro
import yaml

from .._composition._draft import (
    NONE,
    Draft,
    Given,
    Option,
    choose,
    options_of,
    plain,
    short_name,
)
from .._composition._parts import REQUIRED, Parts, help_of, name_of
from .._composition._plain import CLASS

_TRUTH = {
    "": True,
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
}
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
    drafts: Sequence[Draft], given: Sequence[Given], parts: Parts | None = None, target: str = ""
) -> None:
    """Changes drafts to what was given. After `--help` it prints that of the command whose options
    the first draft has, with `target` after its name, and ends the program.

    Raises `ValueError`, with its place, for what cannot be.
    """
    parts, command = parts or Parts(), drafts[0].cls
    for option, g in choose(drafts, [g for g in given if g.name != "help"], parts):
        option.draft.values[option.field.name] = _value(option, g)
    if any(g.name == "help" for g in given):
        tyro.cli(
            as_dataclass(drafts, parts),
            args=["--help"],
            prog=f"minimax-eqx {command.__name__.lower()} {target}".strip(),
            description=inspect.getdoc(command) or "",
        )


def _value(option: Option, given: Given) -> Any:
    """What was given for a field. Raises `ValueError`, saying what it takes, for anything else."""
    hint, words, text = option.field.plain, given.words, " ".join(given.words)
    is_several = any(get_origin(t) is tuple for t in (hint, *get_args(hint)))
    if option.field.can_be_none and words == (NONE,):
        return None
    if hint is bool and text in _TRUTH and "" not in words:
        return _TRUTH[text]
    if hint is not bool and "" not in words and (is_several or len(words) == 1):
        args = [part for word in words for part in (word.split(",") if is_several else [word])]
        said = io.StringIO()
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
            contextlib.suppress(SystemExit),
        ):
            return tyro.cli(hint, args=list(filter(None, args)))
    choices = f"one of {', '.join(map(str, get_args(hint)))}" if get_origin(hint) is Literal else ""
    wanted = _WANTED.get(hint, choices or "another value")
    wanted += " or none" if option.field.can_be_none else ""
    raise ValueError(f"{given.place} is {text or 'empty'}; it must be {wanted}.")


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
