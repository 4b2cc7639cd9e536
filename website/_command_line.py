"""The page of the command line, written from the tables and dataclasses that the program reads."""

import ast
from collections.abc import Callable
from typing import Any

import griffe

from ._markdown import code
from ._names import docstring_of

_ROOM = "cli"


def page(package: Any, address: Callable[[str], str | None]) -> str:
    """Every command: how you call it, what it does, and its own options."""
    commands = ast.literal_eval(str(package[f"{_ROOM}._commands"]["COMMANDS"].value))
    lines = [
        "# The command line",
        "",
        "`minimax-eqx COMMAND` has these commands. `train` and `sweep` also take every option of "
        "the experiment that they train, which `minimax-eqx train RECIPE --help` lists. These are "
        "the fields of its parts, so you find them in the [reference](index.md) too.",
        "",
    ]
    for command, ways in commands.items():
        lines += [f"## `{command}` {{ #{command} }}", ""]
        for words, about in ways:
            lines += [f"* {code(f'minimax-eqx {command} {words}')}: {_sentence(about)}"]
        module = package[f"{_ROOM}.commands._{command}"]
        for cls in module.members.values():
            if not cls.is_alias and cls.kind is griffe.Kind.CLASS and not cls.name.startswith("_"):
                lines += ["", *_options(cls, address)]
        lines.append("")
    return "\n".join(lines)


def _sentence(about: str) -> str:
    return " ".join(about.replace("--", "\\--").split())


def _options(cls: Any, address: Callable[[str], str | None]) -> list[str]:
    lines = [docstring_of(cls), ""]
    for field in cls.all_members.values():
        if field.kind is griffe.Kind.ATTRIBUTE and field.annotation is not None:
            option = f"--{field.name.replace('_', '-')}"
            shown = f"{option} ({field.annotation}, default {field.value})"
            about = docstring_of(field).split("\n")
            lines += ["", code(shown), f":   {about[0]}", *(f"    {line}" for line in about[1:])]
    return lines
