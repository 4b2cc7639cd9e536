"""What a notebook shows: compositions and tables as HTML.

A notebook asks for it of whatever a cell returns. What has no values to show, under `jax.jit` for
example, says None, and the notebook shows its `repr`.
"""

import dataclasses
import functools
import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

Shown = TypeVar("Shown", str, bytes)

_STYLE = "font-family: ui-monospace, monospace; font-size: 90%; line-height: 1.5"
_CELL = "text-align: left; padding: 0.1em 1em 0.1em 0; vertical-align: top"
_INNER = "margin-left: 1.2em"
_MOST_CHARACTERS = 200


def never_fails(show: Callable[[Any], Shown | None]) -> Callable[[Any], Shown | None]:
    """A method that says None for whatever would be an error: showing must not break a cell."""

    @functools.wraps(show)
    def safe(self: Any) -> Shown | None:
        try:
            return show(self)
        except Exception:
            return None

    return safe


def escaped(value: object) -> str:
    """A value as text that HTML shows as it is."""
    return html.escape(str(value), quote=True)


def framed(*pieces: str) -> str:
    """Pieces of HTML, one below the other."""
    return f'<div style="{_STYLE}">{"".join(pieces)}</div>'


def heading(text: str) -> str:
    """A line in bold."""
    return f"<div><b>{escaped(text)}</b></div>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts, with a first line if `head` names its columns."""
    lines = [_row("th", head)] if head else []
    return f"<table>{''.join([*lines, *(_row('td', row) for row in rows)])}</table>"


def composition(part: Any, *, name: str = "", is_open: bool = True) -> str:
    """A part as a folded tree: what differs from the defaults of its class is in bold and first,
    and what does not is folded away."""
    title = f"{escaped(name)}{': ' if name else ''}<b>{escaped(type(part).__name__)}</b>"
    changed, usual = [], []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        differs = not _is_default(value, field)
        shown = _shown(field.name, value, differs)
        (changed if differs else usual).append(shown)
    if usual:
        label = f"{len(usual)} as by default"
        usual = [f"<details><summary>{label}</summary>{_inner(usual)}</details>"]
    if not (changed or usual):
        return f"<div>{title}</div>"
    opened = " open" if is_open else ""
    inner = _inner([*changed, *usual])
    return f"<details{opened}><summary>{title}</summary>{inner}</details>"


def is_readable(tree: Any) -> bool:
    """Whether all arrays of a tree have values here and now."""
    return all(
        not isinstance(leaf, Tracer | jax.ShapeDtypeStruct)
        and not (isinstance(leaf, jax.Array) and leaf.is_deleted())
        for leaf in jax.tree.leaves(tree)
    )


def _shown(name: str, value: Any, differs: bool) -> str:
    if isinstance(value, eqx.Module):
        return composition(value, name=name, is_open=False)
    text = " ".join(repr(value).split())
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]} ..."
    line = f"{escaped(name)} = {escaped(text)}"
    return f"<div><b>{line}</b></div>" if differs else f"<div>{line}</div>"


def _is_default(value: Any, field: Any) -> bool:
    default = field.default
    if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    if default is value:
        return True
    if type(default) is not type(value) or isinstance(value, np.ndarray | jax.Array):
        return False
    return bool(default == value) if not isinstance(value, eqx.Module) else _equal(default, value)


def _equal(one: Any, other: Any) -> bool:
    return eqx.tree_equal(one, other) is True


def _inner(lines: Iterable[str]) -> str:
    return f'<div style="{_INNER}">{"".join(lines)}</div>'


def _row(kind: str, cells: Sequence[object]) -> str:
    inner = (f'<{kind} style="{_CELL}">{escaped(cell)}</{kind}>' for cell in cells)
    return f"<tr>{''.join(inner)}</tr>"
