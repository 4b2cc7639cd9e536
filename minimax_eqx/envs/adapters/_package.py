"""Other packages: imported where they are needed, and refused where they cannot work."""

import functools
import importlib
import importlib.metadata
import re
from types import ModuleType

from ..._packages import PackageError


@functools.cache
def require(
    package: str,
    *,
    extra: str,
    at_least: str,
    below: str | None = None,
    distribution: str | None = None,
) -> ModuleType:
    """Imports a package that an adapter needs.

    Call it when the environment is made, in `__check_init__`, and wherever the package is used:
    only the first call does anything.

    Arguments:

    - `package`: the name by which it is imported.
    - `extra`: the extra of this package that installs it.
    - `at_least`, `below`: the versions that work, from the first one and below the second one.
    - `distribution`: the name by which it is installed, if that is another one.

    Raises `PackageError`, an `ImportError`, with what to install, if it is missing, of another
    version, or cannot be imported.
    """
    name, remedy = distribution or package, f"Run pip install 'minimax_eqx[{extra}]'."
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise PackageError(
            f"This environment is {name}'s, and {name} is not installed. {remedy}", name=package
        ) from None
    too_new = below is not None and _numbers(version) >= _numbers(below)
    if too_new or _numbers(version) < _numbers(at_least):
        works = f"from {at_least} on" + f" and below {below}" * (below is not None)
        raise PackageError(
            f"{name} {version} is installed, and only versions {works} work here. {remedy}",
            name=package,
        )
    try:
        return importlib.import_module(package)
    except Exception as error:
        raise PackageError(
            f"{name} {version} is installed, but importing it fails with "
            f"{type(error).__name__}: {error}. {remedy}",
            name=package,
        ) from error


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version by which it is compared: 1.2 for `1.2.0rc1+cpu`."""
    numbers = re.match(r"[\d.]*", version)
    digits = [int(part) for part in numbers[0].split(".") if part] if numbers else []
    while digits and digits[-1] == 0:
        digits.pop()
    return tuple(digits)
