"""Names of a package that are imported when somebody uses them.

There are many parts, and a program uses a few of them, so `from minimax_eqx.scores import MaxMC`
imports what `MaxMC` needs and no other score. What a package shows stands in the stub beside its
`__init__.py`, where type checkers read it too: one line for each name, such as
`from ._max_mc import MaxMC as MaxMC`, or `from . import maze as maze` for a package within it.
"""

import importlib
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

_LINE = re.compile(r"^from (\.\S*) import (\w+) as \2$", re.MULTILINE)


def shown(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What a package's `__getattr__`, `__dir__` and `__all__` are, read off its stub."""
    module = sys.modules[package]
    stub = pathlib.Path(str(module.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    place_of = {name: place for place, name in _LINE.findall(stub)}
    names = sorted(place_of)

    def get(name: str) -> Any:
        if name not in place_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if place_of[name] == ".":
            return importlib.import_module(f".{name}", package)
        value = getattr(importlib.import_module(place_of[name], package), name)
        setattr(module, name, value)  # the next time it is found without this
        return value

    return get, lambda: list(names), names
