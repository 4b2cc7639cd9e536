"""`minimax-eqx watch`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
from rich.console import Console

from ..._composition._draft import draft_of, made
from ..._composition._user_code import load_user_code
from ..._folder._best import NEWEST
from ...experiment._train import load
from .._levels import Levels, generator_of, levels_named, sampled
from .._read import read_run
from .._screen import Screen, keys
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
    with keys("watch") as read_key:
        print("One moment.", end="\r", flush=True)
        found, policy = _prepared(run, options)
        from .._walk import watch

        with Screen(Console(highlight=False)) as screen:
            try:
                said = watch(
                    found,
                    policy,
                    read_key,
                    screen,
                    greedy=options.greedy,
                    delay=options.delay,
                    seed=options.seed,
                )
            except KeyboardInterrupt:
                said = ""
    if said:
        print(said)
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Watch(),)


def _of_student(index: int) -> Callable[[Any], Any]:
    return lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf


def _prepared(run: str, options: Watch) -> tuple[Levels, Any]:
    """The levels to walk through, and the network that does."""
    code = load_user_code(options.file) if options.file else None
    experiment, runner = load(run, checkpoint=options.checkpoint, code=code)
    if not 0 <= options.student < experiment.num_students:
        raise ValueError(
            f"--student is {options.student}; {run} has {experiment.num_students} of them, counted "
            "from 0."
        )
    policy = jax.tree.map(_of_student(options.student), runner.students).network
    named = options.maze or options.levels
    if named is not None:
        found = levels_named(named, options.num_levels, options.seed, experiment.env)
    else:
        key = jax.random.fold_in(jax.random.key(options.seed), _STREAM)
        generator = generator_of(experiment)
        found = sampled(experiment.env, generator, options.num_levels, key)
    return found, policy
