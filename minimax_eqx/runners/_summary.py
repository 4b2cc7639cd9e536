"""What is printed of a runner: one screen, where its whole tree is several."""

import textwrap
from typing import Any

import equinox as eqx
import jax
from jax.core import Tracer
from jaxtyping import Array

from .._types import PyTree

WIDTH = 100
INDENT = "  "


def summary(kind: str, parts: dict[str, PyTree], settings: dict[str, Any]) -> str:
    """A paragraph for each part, one level deep, and a line of numbers and settings."""
    lines = [f"{kind}("]
    lines += [_paragraph(f"{name}={_outline(part)},") for name, part in parts.items()]
    shown = (f"{name}={_shown(value)}" for name, value in settings.items())
    lines += [_paragraph(f"{', '.join(shown)},"), ")"]
    return "\n".join(lines)


def _outline(part: PyTree) -> str:
    """A part with its numbers and the names of its own parts."""

    def is_inner(node):
        return node is not part and isinstance(node, eqx.Module | tuple | dict)

    text = " ".join(eqx.tree_pformat(part, truncate_leaf=is_inner).split())
    return text.replace("( ", "(").replace(" )", ")")


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=INDENT, subsequent_indent=2 * INDENT, break_long_words=False
    )


def _shown(value: Any) -> str:
    if isinstance(value, jax.Array) and _can_be_read(value):
        return str(value.tolist())
    return eqx.tree_pformat(value)


def _can_be_read(array: Array) -> bool:
    return not (isinstance(array, Tracer) or array.is_deleted())
