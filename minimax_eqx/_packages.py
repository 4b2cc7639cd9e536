"""Packages that come with an extra."""

import importlib
from typing import Any


class PackageError(ImportError):
    """Another package is missing, or there in a version that does not work."""


def needed(module: str, *, extra: str, by: str) -> Any:
    """Imports a module of a package that comes with that extra. `by` says what needs it.

    Raises `PackageError`, an `ImportError`, with what to install, if it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise PackageError(
            f"{by} needs the package {package}, which is not installed: "
            f"pip install 'minimax_eqx[{extra}]'.",
            name=package,
        ) from error
