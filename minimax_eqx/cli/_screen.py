"""A terminal as a screen that is drawn again and again, and its keys, one by one."""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rich.console import Console, RenderableType

from ._drawn import can_show_blocks, in_ascii

# Waits for a key for some seconds, or for ever, and says which it was; None if there was none.
ReadKey: TypeAlias = Callable[[float | None], str | None]

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
# An arrow is several bytes, which come at once.
_REST_SECONDS = 0.03


@contextlib.contextmanager
def keys(command: str) -> Iterator[ReadKey]:
    """While this lasts, keys are read as they are pressed, and not shown.

    Raises `ValueError` if there is no terminal, or on a system that cannot do it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError(
            f"'minimax-eqx {command}' needs a terminal for its keys and its screen, and there is "
            "none: its input or output is a file or a pipe."
        )
    try:
        import termios
        import tty
    except ImportError as error:
        raise ValueError(
            f"'minimax-eqx {command}' needs a terminal that gives keys one by one, which Python "
            "offers on Linux and macOS alone; on Windows use WSL. 'minimax-eqx levels show' works "
            "everywhere."
        ) from error
    place = sys.stdin.fileno()
    before = termios.tcgetattr(place)
    try:
        tty.setcbreak(place)
        yield lambda seconds: read_key(place, seconds)
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, before)


def read_key(place: int, seconds: float | None) -> str | None:
    """The next key from a file descriptor, waiting for so long; None if there is none."""
    if not select.select([place], [], [], seconds)[0]:
        return None
    data = os.read(place, 1)
    if not data:  # The terminal is gone.
        return "q"
    while data[0] >= 0x80 and not _is_whole(data):
        data += os.read(place, 1)
    if data == b"\x1b":
        while select.select([place], [], [], _REST_SECONDS)[0] and len(data) < 8:
            data += os.read(place, 1)
            if len(data) > 2 and data[-1:].isalpha():
                break
    return _named(data.decode(errors="replace"))


def _named(text: str) -> str:
    """The name of a key: an arrow's, `space`, `enter`, `escape`, or its small letter."""
    if len(text) > 2 and text[0] == "\x1b" and text[-1] in _ARROWS:
        return _ARROWS[text[-1]]
    return {" ": "space", "\n": "enter", "\r": "enter", "\x1b": "escape"}.get(text, text.lower())


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return len(data) > 3
    return True


def on_screen(command: str, prepare: Callable[[], Callable[[ReadKey, "Screen"], str]]) -> int:
    """Lets somebody play or watch in the terminal, prints what came of it, and gives the exit code.

    `prepare` may take a while; what it gives goes on until they quit. Raises what `keys` does.
    """
    with keys(command) as read:
        print("One moment.", end="\r", flush=True)
        walk = prepare()
        with Screen(Console(highlight=False)) as screen:
            try:
                said = walk(read, screen)
            except KeyboardInterrupt:
                said = ""
    if said:
        print(said)
    return 0


class Screen:
    """A terminal that shows one picture after another in the same place.

    It is entered, so that what was in the terminal before is there again afterwards.
    """

    def __init__(self, console: Console):
        self._console = console

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, which change with the window."""
        return self._console.size.width, self._console.size.height

    @property
    def has_colours(self) -> bool:
        """Whether it can show a picture."""
        return self._console.color_system is not None

    def draw(self, picture: RenderableType) -> None:
        """Replaces what is shown; what is too long is cut off."""
        with self._console.capture() as capture:
            self._console.print(picture)
        text = capture.get() if can_show_blocks(self._console) else in_ascii(capture.get())
        lines = text.split("\n")[: self.size[1]]
        self._write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[J")

    def __enter__(self) -> "Screen":
        self._write("\r\x1b[2K\x1b[?1049h\x1b[?25l")
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\x1b[?25h\x1b[?1049l")

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
