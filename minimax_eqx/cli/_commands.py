"""The commands of the command line: words in, exit code out."""

import dataclasses
import inspect
import pathlib
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
import yaml
from rich.console import Console
from rich.table import Table

from .._composition._draft import NONE, Given, differences, draft_of, made
from .._composition._options import given_in_file
from .._composition._parts import Parts, nearest
from .._composition._plain import from_plain, to_plain
from .._composition._user_code import is_user_code, load_user_code
from .._folder._run_folder import RunFolder
from ..envs.maze import HeldOutMazes
from ..envs.maze._held_out_names import LISTS, MAZES, MAZES_WITH_MORE
from ..recipes import small
from ..recipes._known import ADAPTED, RECIPES
from ..recipes._small import SUFFIX
from ..runners import Evaluation
from ..runners._experiment import Experiment
from ._process_options import ProcessOptions
from ._words import apply, as_dataclass, given_in_words

RUNS = pathlib.Path("runs")
_ALL = RECIPES | ADAPTED


@dataclass(frozen=True)
class Train(ProcessOptions):
    """Train a new run of a recipe, or of an experiment in a file of yours.

    An option that is named after a kind of part chooses one, others set its fields: give
    `--prioritisation top-k --k 16`, for example. Where several parts have a name, say more of the
    way to it, as in `--student.learning-rate`. 'minimax-eqx recipes' lists the recipes.
    """

    run: str | None = None
    """Folder of the run; must not exist, or be empty. Default: runs/NAME-SEED."""
    config: str | None = None
    """A file of options, in YAML or JSON; options beside it go before those in it."""
    print_config: bool = False
    """Print such a file of all that would be run, and stop."""


@dataclass(frozen=True)
class Resume(ProcessOptions):
    """Continue a run from its newest checkpoint, exactly as if it had not stopped.

    The run keeps its options, but for those below.
    """

    num_updates: int | None = None
    """Updates of the students to train for, those before included; as before if not given."""
    devices: int | None = None
    """Devices that share the levels of a cycle; as before if not given."""
    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


@dataclass(frozen=True)
class Evaluate:
    __doc__ = f"""Evaluate the newest checkpoint of a run; writes evaluation.json and report.html.

    Options that are not given are as in the run's configuration.

    lists of mazes: {", ".join(LISTS)}

    mazes: {", ".join((*MAZES, *MAZES_WITH_MORE))}
    """

    file: str | None = None
    """The file of yours that the run was made from, if it was: FILE.py, or MODULE:NAME."""


@dataclass(frozen=True)
class Recipes:
    """List the recipes, or print one as a file of options: minimax-eqx recipes [RECIPE]."""


@dataclass(frozen=True)
class Completion:
    """Print a script that has a shell complete this program's options: completion bash|zsh.

    Where to write it is in docs/experiments.md.
    """


def train(words: Sequence[str]) -> int:
    """`minimax-eqx train`."""
    name, given = _read(words)
    target = "quickstart" if name is None else name
    code = load_user_code(target) if is_user_code(target) else None
    recipe, parts = code.experiment if code else _recipe(target), Parts(code and code.module)
    draft, own = draft_of(recipe), draft_of(Train())
    for file in [g.words[0] for g in given if g.name == "config" and g.words]:
        apply([draft], given_in_file(pathlib.Path(file)), parts)
    apply([own, draft], given, parts, target)
    experiment, options = made(draft), made(own)
    # What a folder could not hold is refused now, and a part where it was not declared to be.
    from_plain(to_plain(experiment), Experiment, parts)
    if options.print_config:
        print(_as_file(experiment), end="")
        return 0
    options.check()
    title = code.path.stem if code else target
    path = pathlib.Path(options.run or RUNS / f"{title}-{experiment.seed}")
    changes = differences(draft, draft_of(recipe))
    changed = ", ".join(f"{n} {_shown(v)}" for n, v in changes.items() if n != "num_updates")
    heading = f"Training {title}{f' with {changed}' if changed else ''}"
    heading += f" for {experiment.schedule.num_updates:,} updates in {path}."
    if name is None:
        heading += " ('minimax-eqx recipes' lists other recipes, --run chooses another folder.)"
    from . import _terminal as terminal

    return terminal.train(experiment, path, options, heading, code)


def resume(words: Sequence[str]) -> int:
    """`minimax-eqx resume`."""
    run, given = _read_run(words, "resume")
    own = draft_of(Resume())
    unknown = [g.place for g in given if g.name.replace("-", "_") not in (*own.values, "help")]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: a run keeps the options that it began with; --num-updates and "
            "--devices can be given. For other values, train a new run."
        )
    apply([own], given, target=run)
    options: Resume = made(own)
    options.check()
    code = load_user_code(options.file) if options.file else None
    from . import _terminal as terminal

    return terminal.resume(pathlib.Path(run), options, options.devices, options.num_updates, code)


def evaluate(words: Sequence[str]) -> int:
    """`minimax-eqx evaluate`."""
    run, given = _read_run(words, "evaluate")
    own = draft_of(Evaluate())
    if any(g.name == "help" for g in given):
        apply([own, draft_of(Evaluation(HeldOutMazes()))], given, target=run)
    apply([own], [g for g in given if g.name == "file"])
    options: Evaluate = made(own)
    code = load_user_code(options.file) if options.file else None
    folder = RunFolder.open(run)
    experiment = folder.experiment(code)
    draft, of_part = draft_of(experiment.evaluation), [g for g in given if g.name != "file"]
    apply([draft], of_part, Parts(code and code.module))
    from . import _terminal as terminal

    return terminal.evaluate(folder, dataclasses.replace(experiment, evaluation=made(draft)))


def recipes(words: Sequence[str]) -> int:
    """`minimax-eqx recipes`."""
    name, given = _read(words)
    apply([draft_of(Recipes())], given, target=name or "")
    if name is not None:
        print(_as_file(_recipe(name)), end="")
        return 0
    table = Table("recipe", "what it trains", "updates")
    for name, recipe in _ALL.items():
        summary = (inspect.getdoc(recipe) or "").partition("\n\n")[0]
        table.add_row(name, summary, _num_updates(recipe))
    table.caption = (
        "minimax-eqx recipes NAME prints one as a file of options. Each has a form for two CPU "
        f"cores: maze-accel{SUFFIX}, for example."
    )
    Console().print(table)
    return 0


def completion(words: Sequence[str]) -> int:
    """`minimax-eqx completion`."""
    shell, given = _read(words)
    apply([draft_of(Completion())], given)
    if shell not in ("bash", "zsh"):
        raise ValueError(f"There is no completion for '{shell}'. Known: bash, zsh.")
    of_commands = {
        "train": (Train(), _recipe("quickstart")),
        "resume": (Resume(),),
        "evaluate": (Evaluate(), Evaluation(HeldOutMazes())),
        "recipes": (Recipes(),),
    }
    commands = tuple(
        Annotated[as_dataclass([*map(draft_of, options)], Parts()), tyro.conf.subcommand(name)]
        for name, options in of_commands.items()
    )
    either: Any = typing.Union[commands]  # noqa: UP007
    tyro.cli(either, prog="minimax-eqx", args=["--tyro-print-completion", shell])
    return 0


def _read(words: Sequence[str]) -> tuple[str | None, list[Given]]:
    """The word before all options, if there is one, and what is given after it."""
    has_target = bool(words) and not words[0].startswith("-")
    given = given_in_words("--help" if w == "-h" else w for w in words[has_target:])
    return words[0] if has_target else None, given


def _read_run(words: Sequence[str], command: str) -> tuple[str, list[Given]]:
    """The same of a command that begins with the folder of a run. Raises `ValueError` for none."""
    run, given = _read(words)
    if not run and not any(g.name == "help" for g in given):
        raise ValueError(f"The folder of the run comes first: minimax-eqx {command} RUN [OPTIONS].")
    return run or "RUN", given


def _recipe(name: str) -> Experiment:
    known, is_small = name.removesuffix(SUFFIX), name.endswith(SUFFIX)
    if known not in _ALL:
        raise ValueError(
            f"There is no recipe '{name}'.{nearest(name, _ALL)} Known: {', '.join(_ALL)}; "
            f"each with {SUFFIX} after its name is of a size for two CPU cores. "
            "A file of yours ends in .py, and a module has a name after a colon."
        )
    return small(_ALL[known]()) if is_small else _ALL[known]()


def _num_updates(recipe: Callable[..., Experiment]) -> str:
    """How long a recipe trains, or that its world is of a package which is missing."""
    try:
        return f"{recipe().schedule.num_updates:,}"
    except ImportError:
        return "not installed"


def _as_file(experiment: Experiment) -> str:
    return yaml.safe_dump(to_plain(experiment), sort_keys=False)


def _shown(value: object) -> str:
    words = value if isinstance(value, tuple) else () if value is None else (value,)
    return " ".join(map(str, words)) or NONE
