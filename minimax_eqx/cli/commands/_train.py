"""`minimax-eqx train`."""

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._composition._draft import NONE, differences, draft_of, flag, made
from ..._composition._options import given_in_file
from ..._composition._parts import Parts
from ..._composition._plain import from_plain, to_plain
from ..._composition._user_code import is_user_code, load_user_code
from ..._files import expanded
from ...runners._experiment import Experiment
from .._process_options import ProcessOptions
from .._read import read
from .._recipes import as_file, recipe_named
from .._suites import with_mazes_by_name
from .._trackers import TrackerOptions, trackers_named
from .._words import apply

# Where the folders of runs are, unless somebody says so.
RUNS = pathlib.Path("runs")


@dataclass(frozen=True)
class Train(TrackerOptions, ProcessOptions):
    """Train a new run of a recipe, or of an experiment in a file of yours.

    An option that is named after a kind of part chooses one, others set its fields: give
    `--prioritisation top-k --k 16`, for example. Where several parts have a name, say more of the
    way to it, as in `--student.learning-rate`. 'minimax-eqx recipes' lists the recipes.
    """

    run: str | None = None
    """Folder of the run; must not exist, or be empty. Default: runs/NAME-SEED."""
    config: str | None = None
    """A file of options, in YAML or JSON; options beside it go before those in it."""
    shares_of: str | None = None
    """Folder of a run with a budget that this one repeats, with the same recipe and options: it
    follows the shares that were recorded there, however long that takes."""
    print_config: bool = False
    """Print such a file of all that would be run, and stop."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx train`."""
    name, given = read(words)
    target = "quickstart" if name is None else name
    code = load_user_code(target) if is_user_code(target) else None
    recipe, parts = code.experiment if code else recipe_named(target), Parts(code and code.module)
    draft, own = draft_of(recipe), draft_of(Train())
    for file in [g.words[0] for g in given if g.name == "config" and g.words]:
        apply([draft], given_in_file(expanded(file)), parts)
    apply([own, draft], with_mazes_by_name(given, parts), parts, target)
    experiment, options = made(draft), made(own)
    # What a folder could not hold is refused now, and a part where it was not declared to be.
    from_plain(to_plain(experiment), Experiment, parts)
    if options.print_config:
        print(as_file(experiment), end="")
        return 0
    options.check()
    trackers = trackers_named(options.tracker)
    title = code.title if code else target
    path = pathlib.Path(options.run or RUNS / f"{title}-{experiment.seed}")
    changes = differences(draft, draft_of(recipe))
    changed = ", ".join(
        f"{n} {_shown(v)}" for n, v in changes.items() if n not in ("num_updates", "budget")
    )
    heading = f"Training {title}{f' with {changed}' if changed else ''}"
    updates, budget = f"{experiment.schedule.num_updates:,} updates", experiment.schedule.budget
    heading += f" for {f'{budget} or {updates} at most' if budget else updates} in {path}."
    if name is None:
        heading += " ('minimax-eqx recipes' lists other recipes, --run chooses another folder.)"
    from .. import _terminal as terminal

    origin = {"recipe": title, "changes": changes, "command": command_of(target, changes)}
    return terminal.train(
        experiment,
        path,
        options,
        heading=heading,
        code=code,
        origin=origin,
        trackers=trackers,
        shares_of=pathlib.Path(options.shares_of) if options.shares_of else None,
    )


def options() -> tuple[Any, ...]:
    """What has the options of this command, a recipe's included."""
    return Train(), recipe_named("quickstart")


def command_of(target: str, changes: Mapping[str, Any]) -> str:
    """The command that trains the same again, whatever files of options there were."""
    words = ["minimax-eqx", "train", target]
    for name, value in changes.items():
        words += [flag(name), *_words(value)]
    return shlex.join(words)


def _shown(value: object) -> str:
    return " ".join(_words(value))


def _words(value: object) -> list[str]:
    words = value if isinstance(value, tuple) else () if value is None else (value,)
    return [str(word) for word in words] or [NONE]
