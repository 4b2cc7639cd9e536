"""A part of the page."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page: a heading, the name that links lead to, and what stands below it.

    A section is made by a function `section(run) -> Section | None` in a file of its own, which the
    table in `_page.py` names; None leaves it out. Headings inside `body` begin with `h3`.
    """

    title: str
    """The heading, as plain text."""
    anchor: str
    """What links say after `#`: small letters and hyphens."""
    body: str
    """HTML, in which everything that somebody else wrote is `escaped` already."""
    in_menu: bool = True
    """Whether the menu at the top leads to it."""
