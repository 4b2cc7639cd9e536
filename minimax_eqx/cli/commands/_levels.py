"""`minimax-eqx levels export|import|show`."""

import collections
import pathlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from rich.columns import Columns
from rich.console import Console

from ..._composition._draft import draft_of, made
from ..._files import expanded
from ..._fingerprint import is_held_back
from ..._folder._best import NEWEST
from ...envs import Maze, save_picture
from ...envs._level_files import kind_of, write_levels
from ...envs._pictures import sheet
from ...envs.maze._held_out_names import LISTS
from .._drawn import can_show_blocks, card, described, in_ascii, level_lines
from .._levels import (
    Levels,
    each,
    experiment_of,
    is_run,
    levels_in_file,
    levels_named,
)
from .._read import read_several
from .._words import apply

# The terminal scrolls.
_MANY_LINES = 10_000
Which = Literal["best", "newest", "all", "unseen"]
_USAGE = (
    "Say what to do with levels: minimax-eqx levels export RUN FILE, levels import FILE OUT, or "
    "levels show FILE|RUN|MAZE|RECIPE."
)


@dataclass(frozen=True)
class LevelsExport:
    """Write the levels that a run keeps into a file: RUN, and FILE.txt, .json or .npz.

    A run whose curriculum keeps no levels gives those that it would propose next.
    """

    which: Which = "best"
    """Those with the highest scores, those drawn or stored last, all, or new ones of their kind."""
    num_levels: int = 100
    """How many levels at most, but for all."""
    checkpoint: str = NEWEST
    """The checkpoint to take them from: a cycle, newest, or best (by success while training)."""
    seed: int = 0
    """Seed of new and proposed levels."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


@dataclass(frozen=True)
class LevelsImport:
    """Check a file of levels as you have it, and write it as this package has them: FILE, and OUT.

    Equal levels are left out but one. It says what sizes there are and what has no way to the goal.
    """

    env: str | None = None
    """A recipe, a run or a file of yours, FILE.py or FILE.py:NAME, whose environment the levels are
    for; needed for levels that are no mazes."""
    file: str | None = None
    """The file of yours that the run was made from, if --env is a run that was."""


@dataclass(frozen=True)
class LevelsShow:
    """Draw levels in the terminal: of a file, a run, a recipe, a held-out maze or a list of them.

    Of a run it draws what `levels export` would write.
    """

    which: Which = "best"
    """Of a run: those with the highest scores, those drawn or stored last, all, or new ones."""
    num_levels: int = 12
    """How many levels at most."""
    checkpoint: str = NEWEST
    """Of a run: the checkpoint to take them from: a cycle, newest, or best."""
    seed: int = 0
    """Seed of levels that are drawn at random."""
    env: str | None = None
    """A recipe, a run or a file of yours, FILE.py or FILE.py:NAME, whose environment a file's
    levels are for; needed for levels that are no mazes."""
    out: str | None = None
    """Write a picture FILE.png of them instead."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx levels`."""
    verb, *rest = words or [""]
    if verb in ("-h", "--help"):
        print(_USAGE)
        return 0
    if verb not in _VERBS:
        raise ValueError(_USAGE)
    cls, do, names = _VERBS[verb]
    targets, given = read_several(rest)
    own = draft_of(cls())
    apply([own], given, target=" ".join(names))
    if len(targets) != len(names):
        raise ValueError(
            f"levels {verb} needs {' and '.join(names)}, and got {' '.join(targets) or 'nothing'}: "
            f"minimax-eqx levels {verb} {' '.join(names)}."
        )
    return do(*targets, made(own))


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (LevelsShow(),)


def _export(run: str, path: str, options: LevelsExport) -> int:
    out = _new_file(path)
    found, what = _levels_of_run(run, options)
    write_levels(found.levels, out, found.names, found.notes)
    print(f"{_counted(len(found.names))} written to {out}: {what}.")
    print(f"Test a run on them with: minimax-eqx evaluate RUN --levels {shlex.quote(path)}")
    return 0


def _import(source: str, path: str, options: LevelsImport) -> int:
    out = _new_file(path)
    env = None if options.env is None else experiment_of(options.env, options.file).env
    found = levels_in_file(source, env)
    prints = found.fingerprints()
    first = {one: i for i, one in reversed(list(enumerate(prints)))}
    kept = sorted(first.values())
    alike = [
        f"{found.names[i]} is equal to {found.names[first[one]]}"
        for i, one in enumerate(prints)
        if first[one] != i
    ]
    found = found.part(kept)
    write_levels(found.levels, out, found.names)
    print(f"{_counted(len(kept))} written to {out}, of {_sizes(found)}.")
    if alike:
        print(f"Left out as equal: {_listed(alike)}.")
    blocked = [
        name
        for name, metrics in zip(found.names, found.metrics(), strict=True)
        if metrics.get("passable") == 0
    ]
    if blocked:
        print(f"No way to the goal, which is allowed, in: {_listed(blocked)}.")
    tests = sum(bool(is_held_back(level, 0.2)) for level in each(found))
    print(f"With --generator.part train, {len(kept) - tests} are for training, {tests} for tests.")
    given = f"--generator level-file --generator.path {shlex.quote(path)}"
    recipe = _recipe_for(found) if options.env is None or is_run(options.env) else options.env
    print(f"Train on them with: minimax-eqx train {recipe} {given}")
    return 0


def _show(word: str, options: LevelsShow) -> int:
    if word in LISTS:
        found = [levels_named(maze, 1, options.seed) for maze in LISTS[word]]
    elif is_run(word):
        found = [_levels_of_run(word, options)[0]]
    else:
        env = None if options.env is None else experiment_of(options.env, options.file).env
        found = [levels_named(word, options.num_levels, options.seed, env)]
    total = sum(len(levels.names) for levels in found)
    if word not in LISTS:
        found = [levels.part(range(min(total, options.num_levels))) for levels in found]
    if options.out is not None:
        out = _new_file(options.out)
        save_picture(sheet([p for levels in found for p in _pictures(levels)], 4), out)
        print(f"Written to {out}.")
        return 0
    show(Console(highlight=False), found)
    shown = sum(len(levels.names) for levels in found)
    if total > shown:
        print(f"These are {shown} of {total}; --num-levels shows more.")
    return 0


def _pictures(found: Levels) -> list[Any]:
    artist = found.env.artist()
    if artist is None:
        raise ValueError(f"A {type(found.env).__name__} has no artist who could draw levels.")
    return [artist.draw_level(level) for level in each(found)]


def show(console: Console, several: Sequence[Levels]) -> None:
    """Draws levels in the terminal, side by side where there is room."""
    room, colours = (console.width, _MANY_LINES), console.color_system is not None
    cards = []
    for found in several:
        notes = found.notes or ("",) * len(found.names)
        about = zip(each(found), found.names, found.metrics(), notes, strict=True)
        for level, name, metrics, note in about:
            lines = level_lines(found.env, level, room=room, with_colours=colours)
            cards.append(card(name, lines, "; ".join(filter(None, [described(metrics), note]))))
    with console.capture() as capture:
        console.print(Columns(cards, padding=(1, 3)))
    text = capture.get()
    console.file.write(text if can_show_blocks(console) else in_ascii(text))


def _levels_of_run(run: str, options: LevelsExport | LevelsShow) -> tuple[Levels, str]:
    """The levels that a run has, as the options say, and what they are."""
    from .._runs import levels_of_run

    return levels_of_run(
        run,
        options.which,
        options.num_levels,
        checkpoint=options.checkpoint,
        seed=options.seed,
        file=options.file,
    )


def _new_file(path: str) -> pathlib.Path:
    """A file that is not there yet. Raises `ValueError` for one that is."""
    file = expanded(path)
    if file.suffix.lower() != ".png":
        kind_of(file)
    if file.exists():
        raise ValueError(f"{path} is there already; remove it, or choose another name.")
    if not file.parent.is_dir():
        raise ValueError(f"There is no folder {file.parent} for {path}; make it first.")
    return file


def _recipe_for(found: Levels) -> str:
    """A recipe whose environment has such levels, with the options that make it so."""
    env = found.env
    if not isinstance(env, Maze):
        return "RECIPE"
    words = [f"maze-dr --height {env.height} --width {env.width}"]
    words += ["--mixed-sizes"] * env.mixed_sizes + ["--lava"] * env.lava
    words += [f"--num-goals {env.num_goals}"] * (env.num_goals > 1)
    words += ["--locked-door"] * env.locked_door
    return " ".join(words)


def _sizes(found: Levels) -> str:
    """The sizes of levels, if they have some, and else what they are."""
    env, count = found.env, collections.Counter[str]()
    if not isinstance(env, Maze):
        return type(env).__name__
    sizes = getattr(found.levels, "size", None)
    for i in range(len(found.names)):
        size = (env.height, env.width) if sizes is None else np.asarray(sizes[i])
        count[f"{size[0]} x {size[1]} cells"] += 1
    if len(count) == 1:
        return next(iter(count))
    return ", ".join(f"{size} ({number})" for size, number in count.most_common())


def _counted(number: int) -> str:
    return f"{number} level{'s' * (number != 1)}"


def _listed(names: Sequence[str], most: int = 10) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


_VERBS: dict[str, tuple[type, Callable[..., int], tuple[str, ...]]] = {
    "export": (LevelsExport, _export, ("RUN", "FILE")),
    "import": (LevelsImport, _import, ("FILE", "OUT")),
    "show": (LevelsShow, _show, ("FILE|RUN|MAZE|RECIPE",)),
}
