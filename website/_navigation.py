"""The order of the pages, and the configuration that tells it to Zensical."""

import fnmatch
import json
import pathlib

from ._pages import Pages

_STATIC = pathlib.Path(__file__).parent / "zensical.toml"
# Sections, with what is in them: pages of the site, patterns, and sections within.
_SECTIONS = {
    "Start": {
        "": ("index.md", "start.md", "choosing.md", "faq.md", "examples/tour.md"),
        "Coming from": ("coming_from/*",),
    },
    "Tutorials": {
        "": (
            *("tutorials/index.md", "tutorials/first_score.md", "tutorials/own_environment.md"),
            *("tutorials/learning_method.md", "tutorials/error_bars.md", "tutorials/*"),
        ),
        "Examples": ("examples/index.md", "examples/*"),
    },
    "Methods": {
        "": ("methods/index.md", "level_replay.md", "teachers.md", "methods/costs.md"),
        "One by one": (
            *(
                "methods/dr.md",
                "methods/plr.md",
                "methods/robust-plr.md",
                "methods/parallel-plr.md",
            ),
            *("methods/accel.md", "methods/parallel-accel.md", "methods/sfl.md"),
            *("methods/paired.md", "methods/population-paired.md", "methods/minimax.md"),
            *("methods/repaired.md", "methods/*"),
        ),
    },
    "Worlds": {"": ("worlds/index.md", "environments.md", "worlds/mazes.md", "worlds/*")},
    "Guides": {
        "": (
            *("experiments.md", "evaluation.md", "comparing.md", "levels.md"),
            *("reading_the_report.md", "seeds_and_sweeps.md", "many_runs.md"),
            *("tournaments.md", "devices.md"),
            *("clusters.md", "budgets.md", "networks.md", "testing_parts.md"),
        ),
    },
    "Reference": {
        "": ("reference/index.md", "reference/command-line.md", "reference/minimax_eqx.md"),
        "Rooms": ("reference/*",),
    },
    "Background": {
        "": (
            *("architecture.md", "differences.md", "performance.md", "cellar.md"),
            "not_tested.md",
        ),
        "Numbers": ("numbers/index.md", "numbers/*"),
        "Decisions": ("decisions/index.md", "decisions/*"),
        "The project": ("contributing.md", "changes.md", "citation.md", "license.md"),
    },
}


def configuration(made: Pages) -> str:
    """The text of `zensical.toml`, for pages that lie in `pages` beside it."""
    taken: set[str] = set()
    sections = []
    for title, parts in _SECTIONS.items():
        entries = []
        for name, patterns in parts.items():
            pages = _matching(patterns, made, taken)
            inner = [
                f"{{ {json.dumps(_title(made, page))} = {json.dumps(page)} }}" for page in pages
            ]
            if name and inner:
                entries.append(f"{{ {json.dumps(name)} = [{', '.join(inner)}] }}")
            else:
                entries += inner
        sections.append(f"{{ {json.dumps(title)} = [{', '.join(entries)}] }}")
    lists = ",\n  ".join(sections)
    static = _STATIC.read_text(encoding="utf-8")
    return static.replace("nav = []", f"nav = [\n  {lists},\n]")


def left_out(made: Pages) -> list[str]:
    """A line for each page to which no section leads."""
    taken: set[str] = set()
    for parts in _SECTIONS.values():
        for patterns in parts.values():
            _matching(patterns, made, taken)
    return [
        f"{page} is in no section of website/_navigation.py."
        for page in made.titles
        if page not in taken
    ]


def _matching(patterns: tuple[str, ...], made: Pages, taken: set[str]) -> list[str]:
    """Pages in the order of the patterns, each once; what is not written yet is left out."""
    found = []
    for pattern in patterns:
        for page in made.titles:
            if page not in taken and fnmatch.fnmatchcase(page, pattern):
                taken.add(page)
                found.append(page)
    return found


def _title(made: Pages, page: str) -> str:
    """What the navigation calls a page."""
    if page == "index.md":
        return "Overview"
    title = made.titles[page]
    if page.startswith("reference/"):
        return title.removeprefix("minimax_eqx.")
    return title.partition(": ")[0]
