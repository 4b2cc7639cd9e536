"""The run-time type checker of this package, and which modules it checks."""

import functools
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any


def typechecker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype.

    The checks are written when it is first called. A program calls a small part of this package,
    and to write the checks of all of it would take longer than the rest of its import.
    """

    @functools.cache
    def checked() -> Callable[..., Any]:
        from beartype import BeartypeConf, beartype

        # Where a float is asked for, an int will do, as everywhere in Python's numeric tower.
        # Without colours, since what it says is read for a message of this package's own.
        return beartype(conf=BeartypeConf(is_pep484_tower=True, is_color=False))(function)

    def check(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        checked_function = checked()
        from beartype.roar import BeartypeCallHintViolation

        try:
            return checked_function(*args, **kwargs)
        except BeartypeCallHintViolation as error:
            from ._argument_error import argument_error

            raise argument_error(function, str(error), args, kwargs) from None

    return check


# Packages and modules without arrays, which have nothing that these checks are for.
_WITHOUT_ARRAYS = {"__main__", "_composition", "_typecheck", "_version", "cli", "recipes"}


def modules_to_check(package: str, path: Iterable[str]) -> list[str]:
    """The modules and packages of this package, which is in `path`, whose functions are checked."""
    names = [module.name for module in pkgutil.iter_modules(path)]
    return [f"{package}.{name}" for name in names if name not in _WITHOUT_ARRAYS]
