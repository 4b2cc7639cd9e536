"""The pages of the API reference, one for each room, written from the docstrings."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import griffe

from ._markdown import code, first_sentence, heading, with_links
from ._names import PACKAGE, Name, Room, docstring_of, is_field, is_method, is_shown

Address = Callable[[str], str | None]
Kinds = Mapping[str, Mapping[str, str]]
_WIDTH = 88


def index(rooms: Iterable[Room], address: Address) -> str:
    """The page that lists the rooms with their names."""
    lines = [
        "# Reference",
        "",
        "You find every public name here, with what its docstring says. The pages are the "
        "package's rooms: what you import as `minimax_eqx.agents.PPO` stands on the page `agents`. "
        "Most programs begin with `import minimax_eqx as mx`.",
        "",
        "A part is a class whose fields are its options. If you write one of your own, derive from "
        "the class named `Abstract...` of its kind. What is marked *abstract* there is yours to "
        "write, and what is marked *optional* you may write. The command line has [a page of its "
        "own](command-line.md).",
        "",
        "In the types, `Scalar` is a number, or an array where settings are swept. "
        '`Float[Array, "level time"]` is an array of floats with these axes, and `PyTree` is '
        "anything that `jax.tree.map` goes through.",
        "",
    ]
    for room in rooms:
        # From the page of the reference itself, not from the folder of the site.
        page = room.page.removeprefix("reference/")
        lines += [f"## [{room.name or PACKAGE}]({page})", ""]
        lines += [first_sentence(room.doc), ""] if room.doc else []
        lines += [", ".join(f"[`{n.name}`]({address(n.path)})" for n in ordered(room)) + ".", ""]
    return "\n".join(lines)


def page(room: Room, kinds: Kinds, address: Address) -> str:
    """The page of a room. `kinds` are the final classes by the abstract ones that they are of."""
    title = f"{PACKAGE}.{room.name}" if room.name else PACKAGE
    names = ordered(room)
    lines = [f"# {title}", "", room.doc, "", "| name | what it is |", "| --- | --- |"]
    for name in names:
        about = first_sentence(name.doc).replace("|", "\\|")
        lines.append(f"| [`{name.name}`](#{name.path}) | {about} |")
    for name in names:
        lines += ["", *_entry(name, kinds, address)]
    return "\n".join(lines) + "\n"


def ordered(room: Room) -> list[Name]:
    """Kind by kind: an abstract class of the room, then what derives from it, then the rest."""
    here = {name.thing.path: name for name in room.names}
    kinds: dict[str, list[Name]] = {}
    for name in room.names:
        bases = [base.path for base in name.thing.mro()] if name.is_class else []
        abstract = [here[path].name for path in (name.thing.path, *bases) if path in here]
        kind = next((n for n in reversed(abstract) if n.startswith("Abstract")), "~")
        kinds.setdefault(kind, []).append(name)
    return [
        name
        for kind in sorted(kinds)
        for name in sorted(kinds[kind], key=lambda n: (not n.name.startswith("Abstract"), n.name))
    ]


def _entry(name: Name, kinds: Kinds, address: Address) -> list[str]:
    title = [heading(2, name.name, name.path), ""]
    if not name.is_class:
        is_function = name.thing.kind is griffe.Kind.FUNCTION
        shown = (
            _signature(name.thing, name.name)
            if is_function
            else f"{name.name} = {name.thing.value}"
        )
        return [*title, *_block(shown), *_types(name.thing, address), name.doc]
    bases = [code(text(base), address) for base in name.thing.bases if text(base).startswith("Abs")]
    about = [f"Derives from {', '.join(bases)}.", ""] if bases else []
    fields = _fields(name.thing)
    is_abstract = name.name.startswith("Abstract")
    made = [] if is_abstract else _block(_constructor(name, fields))
    parts = [*title, *made, *about, _linked(name, name.doc, address), ""]
    if fields:
        parts += ["**Fields**", ""]
        for field in fields:
            parts += _field(field, kinds, address)
    own, elsewhere = [], []
    for member in name.thing.all_members.values():
        if (is_method(member) and not member.name.startswith("_")) or member.name == "__call__":
            (own if is_shown(member) else elsewhere).append(member)
    for member in own:
        parts += ["", *_method(name, member, address)]
    if elsewhere:
        parts += ["", "**More methods**", "", _inherited(name, elsewhere, address)]
    return parts


def _constructor(name: Name, fields: list[Any]) -> str:
    """How it is made, with the defaults."""
    init = name.thing.members.get("__init__")
    if init is not None and not init.is_alias:
        return _signature(init, name.name)
    given = [f for f in fields if str(_settings(f).get("init")) != "False"]
    words = [f.name if _default(f) is None else f"{f.name}={_default(f)}" for f in given]
    return _call(name.name, words)


def _fields(cls: Any) -> list[Any]:
    """What an instance is made with, and what its class declares."""
    members = cls.all_members.values()
    return [m for m in members if is_field(m) and not m.name.startswith("_")]


def _settings(field: Any) -> dict[str, Any]:
    """What a call of `field` in place of a default says, by keyword; else the default."""
    value = field.value
    if isinstance(value, griffe.ExprCall) and str(value.function).endswith("field"):
        return {a.name: a.value for a in value.arguments if isinstance(a, griffe.ExprKeyword)}
    return {} if value is None else {"default": value}


def _default(field: Any) -> str | None:
    """The default as it is written, and None if there is none."""
    settings = _settings(field)
    if "default_factory" in settings:
        return f"{settings['default_factory']}()"
    return text(settings["default"]) if "default" in settings else None


def _field(field: Any, kinds: Kinds, address: Address) -> list[str]:
    """A field with its type, its default and its sentence, and what may stand in it.

    Only classes of a kind that no page describes are listed, as they are found nowhere else.
    """
    default = _default(field)
    shown = f"{field.name}: {text(field.annotation)}"
    shown += "" if default is None else f" = {default}"
    about = docstring_of(field)
    for kind in _words(text(field.annotation)):
        if kind in kinds and not address(kind):
            about += "\n\nOne of these:\n"
            for choice, doc in kinds[kind].items():
                about += f"\n* {code(choice, address)}: {first_sentence(doc)}"
    first, *rest = about.split("\n")
    lines = [f":   {first}", *(f"    {line}" for line in rest)]
    return ["", code(shown, lambda n: None if n == field.name else address(n)), *lines]


def _method(name: Name, member: Any, address: Address) -> list[str]:
    """A method or a property that the class itself describes."""
    doc = docstring_of(member)
    is_property = "property" in member.labels
    kinds = [word for word, holds in {
        "abstract": "abstractmethod" in member.labels,
        "optional": "Optional." in doc or doc.startswith("Optional"),
        "property": is_property,
        "made by the class": "classmethod" in member.labels,
    }.items() if holds]  # fmt: skip
    shown = f"{member.name}: {text(member.annotation)}" if is_property else _signature(member)
    marks = [f"*{', '.join(kinds)}*", ""] if kinds else []
    return [
        heading(3, f"{name.name}.{member.name}", f"{name.path}.{member.name}"),
        "",
        *marks,
        *_block(shown),
        *_types(member, address),
        _linked(name, doc, address),
    ]


def _linked(name: Name, doc: str, address: Address) -> str:
    """A docstring in which the other methods of the class are links too."""

    def own(word: str) -> str | None:
        where = address(f"{name.path}.{word}")
        return where if where and where.endswith(f".{word}") else address(word)

    return with_links(doc, lambda link: link, own)


def _inherited(name: Name, members: Iterable[Any], address: Address) -> str:
    """Methods whose description stands with a base, or that say nothing of themselves."""
    shown = []
    for member in members:
        bases = (address(f"{base.name}.{member.name}") for base in name.thing.mro())
        where = next(
            (found for found in bases if found and found.endswith(f".{member.name}")), None
        )
        shown.append(f"[`{member.name}`]({where})" if where else f"`{member.name}`")
    return ", ".join(shown) + "."


def _types(function: Any, address: Address) -> list[str]:
    """The public classes that a signature names, as links."""
    if function.kind is not griffe.Kind.FUNCTION:
        return []
    annotations = [p.annotation for p in function.parameters] + [function.returns]
    words = [w for a in annotations if a is not None for w in _words(text(a))]
    found = {word: address(word) for word in dict.fromkeys(words)}
    links = [f"[`{word}`]({where})" for word, where in found.items() if where]
    return [f"See {', '.join(links)}.", ""] if links else []


def _words(text: str) -> list[str]:
    return [
        w
        for w in "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
        if w[0].isupper()
    ]


def _signature(function: Any, name: str | None = None) -> str:
    """A function as it is declared, without `self`."""
    words, is_keyword, was_positional = [], False, False
    for parameter in function.parameters:
        kind = parameter.kind.value
        if parameter.name in ("self", "cls"):
            continue
        if kind == "keyword-only" and not is_keyword:
            words.append("*")
        is_keyword = is_keyword or kind in ("keyword-only", "variadic positional")
        if was_positional and kind != "positional-only":
            words.append("/")
        was_positional = kind == "positional-only"
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        word = stars + parameter.name
        word += f": {text(parameter.annotation)}" if parameter.annotation is not None else ""
        if parameter.default is not None and not stars:
            equals = "=" if parameter.annotation is None else " = "
            word += f"{equals}{text(parameter.default)}"
        words.append(word)
    has_returns = function.returns is not None and function.name != "__init__"
    returns = f" -> {text(function.returns)}" if has_returns else ""
    return _call(name or function.name, words, returns)


def _call(name: str, words: list[str], returns: str = "") -> str:
    line = f"{name}({', '.join(words)}){returns}"
    if len(line) <= _WIDTH:
        return line
    inner = "".join(f"    {word},\n" for word in words)
    return f"{name}(\n{inner}){returns}"


def text(expression: Any) -> str:
    """An expression as the source has it, with the quotes that this package uses."""
    return re.sub(r"'([^'\"]*)'", r'"\1"', str(expression))


def _block(text: str) -> list[str]:
    return ["```python", *text.split("\n"), "```", ""]
