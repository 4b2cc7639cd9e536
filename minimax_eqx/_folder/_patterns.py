"""The runs that a pattern names."""

import glob
import pathlib

from .._files import FolderError, expanded
from ._run_folder import CONFIG


def matching(path: pathlib.Path | str) -> list[pathlib.Path]:
    """The path itself, or, if it is a pattern, the runs that it means, sorted by name.

    A shell that expands patterns leaves none, but not every shell does, nor does Python. What else
    a pattern matches, such as a log beside the runs, is left out, unless it matches nothing else.
    Raises `FolderError` if it matches nothing.
    """
    word = expanded(path)
    if word.exists() or not glob.has_magic(str(path)):
        return [pathlib.Path(path)]
    found = [pathlib.Path(match) for match in sorted(glob.glob(str(word)))]
    if not found:
        raise FolderError(f"Nothing is called {path}.")
    return [match for match in found if (match / CONFIG).is_file()] or found
