"""The run-time type checker of this package."""

import functools
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

# Where a float is asked for, an int will do, as everywhere in Python's numeric tower.
_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def typechecker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype.

    The checks are written when it is first called. A program calls a small part of this package,
    and to write the checks of all of it would take longer than the rest of its import.
    """

    @functools.cache
    def checked() -> Callable[..., Any]:
        return _beartype(function)

    def check(*args: Any, **kwargs: Any) -> Any:
        return checked()(*args, **kwargs)

    return check
