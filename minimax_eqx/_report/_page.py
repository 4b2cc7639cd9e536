"""The page: sections, one after the other, with style and script, in one file."""

import dataclasses
import datetime
import logging
import pathlib
import string
from collections.abc import Callable, Sequence
from typing import Any

from .._files import write
from .._folder._run_folder import REPORT
from .._version import VERSION
from . import (
    _budget,
    _compared,
    _complexity,
    _composition,
    _curves,
    _episodes,
    _gallery,
    _headline,
    _held_out,
    _levels,
    _lineage,
    _metrics,
    _replay,
    _tail,
)
from ._html import escaped
from ._run import Run
from ._section import Section

_HERE = pathlib.Path(__file__).parent
# What compares runs takes all of them. What looks closely at one takes the first.
OF_ALL, OF_FIRST = "all", "first"
# In the order of the page. A new section is a file with a function `section`, and a line here.
SECTIONS: tuple[tuple[Callable[[Any], Section | None], str], ...] = (
    (_headline.section, OF_ALL),
    (_curves.section, OF_ALL),
    (_compared.section, OF_ALL),
    (_held_out.section, OF_FIRST),
    (_tail.section, OF_FIRST),
    (_episodes.section, OF_FIRST),
    (_complexity.section, OF_ALL),
    (_gallery.section, OF_FIRST),
    (_lineage.section, OF_FIRST),
    (_replay.section, OF_FIRST),
    (_levels.section, OF_FIRST),
    (_budget.section, OF_ALL),
    (_metrics.section, OF_ALL),
    (_composition.section, OF_FIRST),
)


def write_report(runs: Run | Sequence[Run], path: pathlib.Path | None = None) -> pathlib.Path:
    """Writes the page of a run, or of several, at once or not at all: by default report.html in the
    folder of the first. Raises `OSError`, naming the file, if it cannot be written."""
    runs = [runs] if isinstance(runs, Run) else list(runs)
    path = path or runs[0].folder.path / REPORT
    return write(path, page(runs).encode())


def page(runs: Sequence[Run]) -> str:
    """The whole page. A section that fails says so in its place, and is warned of."""
    made = [_made(make, runs) if of == OF_ALL else _of_first(make, runs) for make, of in SECTIONS]
    sections = [section for section in made if section is not None]
    heading = ", ".join(run.name for run in runs[:3])
    heading += f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    now = datetime.datetime.now(datetime.UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    template = string.Template(_data("page.html"))
    return template.substitute(
        title=f"{escaped(heading)} · minimax_eqx",
        heading=escaped(heading),
        style=_all_data(".css"),
        script=_all_data(".js"),
        status=_status(runs),
        menu="\n".join(
            f'<li><a href="#{section.anchor}">{escaped(section.title)}</a></li>'
            for section in sections
            if section.in_menu
        ),
        sections="\n".join(map(_as_html, sections)),
        footer=f"Written on {now} by minimax_eqx {escaped(VERSION)}.",
    )


def _of_first(make: Callable[[Any], Section | None], runs: Sequence[Run]) -> Section | None:
    section = _made(make, runs[0])
    if section is None or len(runs) == 1:
        return section
    note = f'<p class="note">Of {escaped(runs[0].name)}, the first run.</p>'
    return dataclasses.replace(section, body=note + section.body)


def _made(make: Callable[[Any], Section | None], of: Any) -> Section | None:
    try:
        return make(of)
    except Exception as error:
        name = make.__module__.rpartition("._")[2]
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        logging.getLogger("minimax_eqx").warning(
            "The section %s of the report could not be drawn (%s).", name, what
        )
        text = f"This section could not be drawn. {escaped(what)}"
        title = name.replace("_", " ").capitalize()
        return Section(title, name.replace("_", "-"), f'<p class="failed">{text}</p>')


def _as_html(section: Section) -> str:
    heading = f'<h2 id="{section.anchor}">{escaped(section.title)}</h2>'
    label = f'aria-labelledby="{section.anchor}"'
    return f'<section class="{section.anchor}" {label}>\n{heading}\n{section.body}\n</section>'


def _status(runs: Sequence[Run]) -> str:
    going_on = [run.name for run in runs if run.goes_on]
    if not going_on:
        return ""
    names = "This run" if len(runs) == 1 else ", ".join(map(escaped, going_on))
    return (
        f'<p class="status" role="status">{names} is in progress. This page is written again at '
        "every evaluation: reload it then.</p>"
    )


def _all_data(kind: str) -> str:
    """All files of a kind in this room, the common one first."""
    files = _HERE.iterdir()
    names = sorted(file.name for file in files if file.name.endswith(kind))
    common = [name for name in names if name in ("style.css", "script.js")]
    return "\n".join(_data(name) for name in [*common, *(n for n in names if n not in common)])


def _data(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
