"""Errors in the code of a user: what is said of them, in one line."""

import pathlib
import traceback

from jaxtyping import TypeCheckError

from .._composition._user_code import FOLDERS, UserCodeError

_PACKAGE = pathlib.Path(__file__).parent.parent
# They stand between a user's code and what it calls.
_BETWEEN = {_PACKAGE / name for name in ("_typecheck.py", "_argument_error.py", "_lazy.py")}


def slip(error: BaseException) -> str | None:
    """What went wrong in a file of the user's, or in a call from there that is none of this
    package's, with file, line and function. None for every other error, and for one that is told in
    the user's own words."""
    if isinstance(error, UserCodeError):
        return None
    found, frame = error, _own_frame(error)
    while frame is None and found.__cause__ is not None:
        found = found.__cause__
        frame = _own_frame(found)
    if frame is None:
        return None
    if isinstance(error, ValueError) and found is error and _is_raised_in(frame):
        return None
    # Otherwise the package says already what it was about.
    is_bare = found is error and not isinstance(error, TypeCheckError)
    text = "".join(traceback.format_exception_only(error)) if is_bare else str(error)
    text = next(filter(None, map(str.strip, text.splitlines())), type(error).__name__)
    name = pathlib.Path(frame.filename).name
    return f"{text} ({name}, line {frame.lineno}, in {frame.name})"


def _own_frame(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost call in a file of the user's, unless this package was called from there."""
    later: list[pathlib.Path] = []
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = pathlib.Path(frame.filename)
        if _is_own(path):
            return None if any(p.is_relative_to(_PACKAGE) for p in later) else frame
        later += [] if path in _BETWEEN else [path]
    return None


def _is_own(path: pathlib.Path) -> bool:
    """Whether it is a file that the user named, or one beside it, and of no installed package."""
    is_installed = path.is_relative_to(_PACKAGE) or "site-packages" in path.parts
    return not is_installed and any(path.is_relative_to(folder) for folder in FOLDERS)


def _is_raised_in(frame: traceback.FrameSummary) -> bool:
    return (frame.line or "").startswith("raise")
