"""The run-time type checker of this package."""

import functools
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeCallHintViolation

# Where a float is asked for, an int will do, as everywhere in Python's numeric tower. Without
# colours, since what it says is read for a message of this package's own.
_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True, is_color=False))


def typechecker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype.

    The checks are written when it is first called. A program calls a small part of this package,
    and to write the checks of all of it would take longer than the rest of its import.
    """

    @functools.cache
    def checked() -> Callable[..., Any]:
        return _beartype(function)

    def check(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return checked()(*args, **kwargs)
        except BeartypeCallHintViolation as error:
            # It needs JAX, which whoever asks for no more than a help text need not wait for.
            from ._argument_error import argument_error

            raise argument_error(function, str(error), args, kwargs) from None

    return check
