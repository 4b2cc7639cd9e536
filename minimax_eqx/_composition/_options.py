"""Options as somebody wrote them: the lines of a file, and the value of a field in words.

Files of options are in YAML or JSON, and nothing in them is ever imported or run.
"""

import contextlib
import io
import pathlib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import tyro
import yaml

from ._draft import NONE, Given, Option, check_is_switch
from ._plain import CLASS

_TRUE, _FALSE = ("", "true", "yes", "on"), ("false", "no", "off")
_WANTED: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}


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


def value_of(option: Option, given: Given) -> Any:
    """What was given for a field. Raises `ValueError`, saying what it takes, for anything else."""
    hint, words, text = option.field.plain, given.words, " ".join(given.words)
    is_several = any(get_origin(t) is tuple for t in (hint, *get_args(hint)))
    if option.field.can_be_none and words == (NONE,):
        return None
    if hint is bool and text in (*_TRUE, *_FALSE) and "" not in words:
        return text in _TRUE
    choices = f"one of {', '.join(map(str, get_args(hint)))}" if get_origin(hint) is Literal else ""
    wanted = _WANTED.get(hint, choices or "another value")
    check_is_switch(option, given, wanted)
    if hint is not bool and "" not in words and (is_several or len(words) == 1):
        args = [part for word in words for part in (word.split(",") if is_several else [word])]
        said = io.StringIO()
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
            contextlib.suppress(SystemExit),
        ):
            return tyro.cli(hint, args=list(filter(None, args)))
    wanted += " or none" if option.field.can_be_none else ""
    raise ValueError(f"{given.place} is {text or 'empty'}; it must be {wanted}.")
