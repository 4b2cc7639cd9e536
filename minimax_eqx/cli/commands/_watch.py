"""`minimax-eqx watch`."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from ..._composition._draft import draft_of, made
from ..._composition._user_code import load_user_code
from ..._folder._best import NEWEST
from ...experiment._train import load
from .._levels import levels_named, unseen_levels
from .._read import read_run
from .._screen import on_screen
from .._words import apply

_STREAM = 1_000_171


@dataclass(frozen=True)
class Watch:
    """Watch a trained student walk through levels in the terminal, and what it thinks.

    Without --maze or --levels they are unseen levels of the kind that it was trained on.
    """

    maze: str | None = None
    """A held-out maze; 'minimax-eqx evaluate --help' lists them."""
    levels: str | None = None
    """A file of levels."""
    num_levels: int = 20
    """How many levels there are to choose from, if they are drawn at random."""
    seed: int = 0
    """Seed of the levels and of the actions."""
    greedy: bool = False
    """Take the likeliest action in place of a sampled one."""
    delay: float = 0.25
    """Seconds between two steps; keys change it."""
    student: int = 0
    """Which student of a population, counted from 0."""
    checkpoint: str = NEWEST
    """The checkpoint that the student is from: a cycle, newest, or best."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""

    def check(self) -> None:
        """Raises `ValueError` for options out of their ranges."""
        if not 0.01 <= self.delay <= 10:
            raise ValueError(f"--delay is {self.delay}; it must be between 0.01 and 10 seconds.")
        if self.maze is not None and self.levels is not None:
            raise ValueError("Give --maze or --levels, and not both.")


def main(words: Sequence[str]) -> int:
    """`minimax-eqx watch`."""
    run, given = read_run(words, "watch")
    own = draft_of(Watch())
    apply([own], given, target=run)
    options: Watch = made(own)
    options.check()
    return on_screen("watch", functools.partial(_prepared, run, options))


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Watch(),)


def _prepared(run: str, options: Watch) -> Callable[..., str]:
    """What shows the student walk, with a source of keys and a screen."""
    code = load_user_code(options.file) if options.file else None
    experiment, runner = load(run, checkpoint=options.checkpoint, code=code)
    policy = runner.students.student(options.student).network
    named = options.maze or options.levels
    if named is not None:
        found = levels_named(named, options.num_levels, options.seed, experiment.env)
    else:
        key = jax.random.fold_in(jax.random.key(options.seed), _STREAM)
        found = unseen_levels(experiment, options.num_levels, key)
    from .._walk import watch

    how = {"greedy": options.greedy, "delay": options.delay, "seed": options.seed}
    return functools.partial(watch, found, policy, **how)
