"""`minimax-eqx sweep`."""

import dataclasses
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import Given, differences, draft_of, flag, made
from ..._composition._options import given_in_file
from ..._composition._parts import Parts
from ..._composition._plain import from_plain, to_plain
from ..._composition._user_code import is_user_code, load_user_code
from ..._files import expanded
from ...runners._experiment import Experiment
from .._read import read
from .._recipes import recipe_named
from .._tournament import TournamentOptions
from .._trackers import TrackerOptions, trackers_named
from .._words import apply
from ._train import RUNS, command_of

# More is a slip of the finger.
MOST_POINTS = 1_000


@dataclass(frozen=True)
class Sweep(TrackerOptions, TournamentOptions):
    """Train a recipe, or an experiment of yours, with several seeds and settings.

    Give any option of 'minimax-eqx train' several values with commas between them, such as
    `--learning-rate 1e-4,3e-4`, and the seeds as `--seeds 1..8` or `--seeds 1,2,5`. Every
    combination is a run in a folder of its own. Those that differ in numbers alone are trained
    together as one program. Started again with the same words it goes on where it was stopped.
    With `--tournament-every 100` the worst of them become copies of the best on the way, with
    settings a little changed.
    """

    seeds: str = "1..5"
    """The seeds of each setting: FIRST..LAST, or numbers with commas between them."""
    config: str | None = None
    """A file of options, in YAML or JSON; options beside it go before those in it."""
    out: str | None = None
    """The folder that the runs' folders are in. Default: runs/NAME-sweep."""
    workers: int = 1
    """Processes that share the runs."""
    at_once: int | None = None
    """Runs in one program at most; as many as there are if not given."""
    side_by_side: bool | None = None
    """Compute the runs of one program side by side: on a CPU it pays for small networks and few
    levels, elsewhere it is the default."""
    point: int | None = None
    """Train this run alone, counted from 1, as a job of an array does."""
    list_points: bool = False
    """List the runs, and stop."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx sweep`."""
    name, given = read(words)
    target = name or "quickstart"
    code = load_user_code(target) if is_user_code(target) else None
    recipe, parts = code.experiment if code else recipe_named(target), Parts(code and code.module)
    own = draft_of(Sweep())
    if any(g.name == "help" for g in given):
        apply([own, draft_of(recipe)], given, parts, target)
    mine = [g for g in given if g.name.replace("-", "_") in own.values]
    apply([own], mine)
    options: Sweep = made(own)
    _check(options)
    tournament = options.tournament()
    trackers_named(options.tracker)
    rest = [g for g in given if g not in mine]
    base = draft_of(recipe)
    if options.config is not None:
        apply([base], given_in_file(expanded(options.config)), parts)
    experiments = _points(made(base), rest, _seeds(options.seeds), parts)
    title = code.title if code else target
    folder = expanded(options.out or RUNS / f"{title}-sweep")
    if options.list_points:
        print("\n".join(f"{i:>4} {n}" for i, n in enumerate(experiments, 1)))
        return 0
    if options.point is not None:
        names = list(experiments)
        if options.point > len(names):
            raise ValueError(f"--point is {options.point}; there are {len(names)} runs.")
        experiments = {n: experiments[n] for n in names[options.point - 1 : options.point]}
    from .. import _sweeping as sweeping

    if options.workers > 1 and len(experiments) > 1:
        return sweeping.by_workers(folder, list(experiments), words, options.workers)
    origins = {
        name: {"recipe": title, "changes": changes, "command": command_of(target, changes)}
        for name, experiment in experiments.items()
        for changes in [differences(draft_of(experiment), draft_of(recipe))]
    }
    return sweeping.train(
        folder,
        experiments,
        at_once=options.at_once,
        tournament=tournament,
        side_by_side=options.side_by_side,
        tracker=options.tracker,
        code=code,
        origins=origins,
    )


def options() -> tuple[Any, ...]:
    """What has the options of this command, a recipe's included."""
    return Sweep(), recipe_named("quickstart")


def _check(options: Sweep) -> None:
    """Raises `ValueError`, naming the option, for a number that is too small."""
    for name in ("workers", "at_once", "point"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{flag(name)} is {value}; it must be at least 1.")
    if options.tournament_every < 0:
        raise ValueError(
            f"--tournament-every is {options.tournament_every}; it must be at least 0."
        )
    apart = {"workers": options.workers > 1, "at_once": options.at_once, "point": options.point}
    for name in apart if options.tournament_every else ():
        if apart[name]:
            raise ValueError(
                f"{flag(name)} cannot be had with --tournament-every: the runs of a tournament are "
                "one program."
            )


def _seeds(text: str) -> list[int]:
    """The seeds that `1..8` or `1,2,5` stands for. Raises `ValueError` for others."""
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d+)(?:\s*\.\.\s*(\d+))?\s*", part)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if first > last:
            raise ValueError(
                f"--seeds is '{text}'; it must be FIRST..LAST, as 1..8, or numbers with commas "
                "between them."
            )
        if last - first >= MOST_POINTS:
            raise ValueError(f"--seeds is '{text}'; these are more than {MOST_POINTS:,} seeds.")
        found += range(first, last + 1)
    if len(set(found)) < len(found):
        raise ValueError(f"--seeds is '{text}', with a seed twice.")
    return found


def _points(
    recipe: Experiment, given: Sequence[Given], seeds: Sequence[int], parts: Parts
) -> dict[str, Experiment]:
    """The experiment of each combination, by a name that tells it from the others."""
    for g in given:
        if g.name.replace("-", "_").rpartition(".")[2] == "seed":
            raise ValueError(f"{g.place}: the seeds of a sweep are given with --seeds.")
    choices = [_alternatives(g) for g in given]
    num_points = math.prod(map(len, choices)) * len(seeds)
    if num_points > MOST_POINTS:
        raise ValueError(f"These are {num_points:,} runs; a sweep has at most {MOST_POINTS:,}.")
    found: dict[str, Experiment] = {}
    for combination in itertools.product(*choices):
        draft = draft_of(recipe)
        apply([draft], combination, parts)
        swept = [g for g, of in zip(combination, choices, strict=True) if len(of) > 1]
        setting = [f"{g.name}={g.words[0]}".replace("/", "-") for g in swept]
        experiment = made(draft)
        from_plain(to_plain(experiment), Experiment, parts)
        for seed in seeds:
            name = "_".join([*setting, f"seed={seed}"])
            found[name] = dataclasses.replace(experiment, seed=seed)
    return found


def _alternatives(given: Given) -> list[Given]:
    """What an option may be: each of the values between commas. Raises `ValueError` if one is
    missing, or there twice."""
    if len(given.words) != 1 or "," not in given.words[0]:
        return [given]
    values = [value.strip() for value in given.words[0].split(",")]
    if not all(values) or len(set(values)) < len(values):
        raise ValueError(
            f"{given.place} is '{given.words[0]}'; every value between commas must be there, and "
            "only once."
        )
    return [dataclasses.replace(given, words=(value,)) for value in values]
