"""The commands of the command line: words in, exit code out.

What a command does is in `terminal.py`, which imports JAX: words that are wrong are refused before.
"""

import inspect
import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .._held_out_names import MAZES, PANELS
from ..experiment._config import Config, differences, with_options
from ..experiment._effects import EFFECTS, without_effect
from ..experiment._options import ConfigError, EvaluationConfig, leaves
from ..experiment._presets import PRESETS, preset
from ..experiment._process_options import ProcessOptions
from ._arguments import check_words, closed_to_resume, option_names, option_types
from ._main import USAGE_ERROR, fail

Options = TypeVar("Options")

DEFAULT_PRESET = "quickstart"
RUNS = pathlib.Path("runs")
_HELP = {"-h", "--help"}
_TRAIN, _RESUME = "minimax-eqx train", "minimax-eqx resume"
_EVALUATE = "minimax-eqx evaluate"
_MAZES_HELP = f"""
panels: {", ".join(PANELS)}

mazes: {", ".join(MAZES)}"""


@dataclass(frozen=True)
class _TrainOptions:
    """Train a new run from a preset; every option overrides the preset's value."""

    config: tyro.conf.OmitArgPrefixes[Config]
    run: pathlib.Path | None = None
    """Folder of the run; must not exist, or be empty. Default: runs/PRESET-SEED."""
    processes: tyro.conf.OmitArgPrefixes[ProcessOptions] = field(default_factory=ProcessOptions)


@dataclass(frozen=True)
class _ResumeOptions:
    """Continue a run from its newest checkpoint, exactly as if it had not stopped.

    The run keeps its options, but for those below.
    """

    run: tyro.conf.Positional[pathlib.Path]
    """Folder of the run."""
    num_updates: int | None = None
    """PPO updates of the student to train for, those before included; as before if not given."""
    devices: int | None = None
    """Devices that share the levels of a cycle; as before if not given."""
    processes: tyro.conf.OmitArgPrefixes[ProcessOptions] = field(default_factory=ProcessOptions)


@dataclass(frozen=True)
class _EvaluateOptions:
    """Evaluate the newest checkpoint of a run; writes evaluation.json and report.html there.

    Options that are not given are as in the run's configuration.
    """

    evaluation: tyro.conf.OmitArgPrefixes[EvaluationConfig]


def train(words: list[str]) -> int:
    """`minimax-eqx train`."""
    return _refuse_mistakes(lambda: _start(words))


def resume(words: list[str]) -> int:
    """`minimax-eqx resume`."""
    return _refuse_mistakes(lambda: _resume(words))


def evaluate(words: list[str]) -> int:
    """`minimax-eqx evaluate`."""
    return _refuse_mistakes(lambda: _evaluate(words))


def presets(words: list[str]) -> int:
    """`minimax-eqx presets`."""

    @dataclass(frozen=True)
    class PresetsOptions:
        """List the presets, or show the values of one."""

        name: tyro.conf.Positional[str | None] = None
        """The preset whose values are shown."""

    def show() -> int:
        options = _parse(PresetsOptions, words, "minimax-eqx presets")
        Console().print(_table_of_presets() if options.name is None else _table_of(options.name))
        return 0

    return _refuse_mistakes(show)


def completion(words: list[str]) -> int:
    """`minimax-eqx completion`."""

    @dataclass(frozen=True)
    class CompletionOptions:
        """Print a script that has a shell complete this program's commands and options.

        Where to write it is in docs/experiments.md.
        """

        shell: tyro.conf.Positional[Literal["bash", "zsh"]]
        """Which shell."""

    shell = _parse(CompletionOptions, words, "minimax-eqx completion").shell
    tyro.cli(_for_completion(), prog="minimax-eqx", args=["--tyro-print-completion", shell])
    return 0


def _for_completion() -> Any:
    """All commands at once, of the kind that the parser of options makes completions of."""

    @dataclass(frozen=True)
    class Presets:
        """List the presets, or show the values of one."""

    train = Annotated[_TrainOptions, tyro.conf.subcommand("train")]
    resume = Annotated[_ResumeOptions, tyro.conf.subcommand("resume")]
    evaluate = Annotated[_EvaluateOptions, tyro.conf.subcommand("evaluate")]
    return train | resume | evaluate | Annotated[Presets, tyro.conf.subcommand("presets")]


def _start(words: list[str]) -> int:
    name, rest = DEFAULT_PRESET, words
    if words and not words[0].startswith("-"):
        name, *rest = words
    check_words(rest, option_types(_TrainOptions, Config, ProcessOptions))
    options = _parse(_TrainOptions, rest, f"{_TRAIN} {name}", _TrainOptions(preset(name)))
    given = option_names(rest)
    config = _without_leftovers(options.config, given)
    config.check()
    options.processes.check()
    path = options.run or RUNS / f"{name}-{config.seed}"

    from . import _terminal as terminal

    changed = {
        n: v
        for n, v in differences(config, preset(name)).items()
        if n in given and n != "num_updates"
    }
    heading = _heading(name, config, path, changed, is_chosen=rest is not words)
    return terminal.train(config, path, options.processes, heading)


def _without_leftovers(config: Config, given: Sequence[str]) -> Config:
    """The configuration without those of a preset's values that the given options have left without
    effect: the width of a memory, say, where there is none any more."""
    default = Config()
    before = dict(leaves(default))
    leftovers = [name for name in without_effect(config, default) if name not in given]
    return with_options(config, {name: before[name] for name in leftovers})


def _heading(
    name: str, config: Config, path: pathlib.Path, changes: Mapping[str, Any], *, is_chosen: bool
) -> str:
    """What a new run will do, in one line, and how to choose another."""
    changed = ", ".join(f"{option} {_shown(value)}" for option, value in changes.items())
    heading = f"Training {name}{f' with {changed}' if changed else ''}"
    heading += f" for {config.num_updates:,} updates in {path}."
    if not is_chosen:
        heading += " ('minimax-eqx presets' lists other presets, --run chooses another folder.)"
    return heading


def _resume(words: list[str]) -> int:
    if _HELP.intersection(words):
        _parse(_ResumeOptions, ["--help"], _RESUME)
    if not words or not words[0] or words[0].startswith("-"):
        raise ConfigError(f"The folder of the run comes first: {_RESUME} RUN [OPTIONS].")
    run, *rest = words
    check_words(rest, option_types(_ResumeOptions, ProcessOptions))
    problem = closed_to_resume(option_names(rest), ("num_updates", "devices"))
    if problem:
        raise ConfigError(problem)
    options = _parse(_ResumeOptions, [run, *rest], _RESUME)
    options.processes.check()

    from . import _terminal as terminal

    return terminal.resume(
        options.run, options.processes, devices=options.devices, num_updates=options.num_updates
    )


def _evaluate(words: list[str]) -> int:
    if _HELP.intersection(words) or not words or words[0].startswith("-"):
        if not _HELP.intersection(words):
            raise ConfigError(f"The folder of the run comes first: {_EVALUATE} RUN [OPTIONS].")
        _parse_evaluation(["--help"], EvaluationConfig(), "RUN")
    run, *rest = words
    if not run:
        raise ConfigError(f"The folder of the run is empty: {_EVALUATE} RUN [OPTIONS].")
    check_words(rest, option_types(EvaluationConfig))
    # Once for its mistakes alone: to know the run's own values takes reading it, and JAX.
    _parse_evaluation(rest, EvaluationConfig(), run).check()

    from . import _terminal as terminal

    return terminal.evaluate(pathlib.Path(run), lambda before: _parse_evaluation(rest, before, run))


def _parse_evaluation(words: list[str], before: EvaluationConfig, run: str) -> EvaluationConfig:
    description = f"{inspect.getdoc(_EvaluateOptions)}\n{_MAZES_HELP}"
    options = _EvaluateOptions(before)
    return _parse(_EvaluateOptions, words, f"{_EVALUATE} {run}", options, description).evaluation


def _parse(
    kind: type[Options],
    words: Sequence[str],
    prog: str,
    default: Options | None = None,
    description: str | None = None,
) -> Options:
    """The options that the words say; ends the program, as the parser does, if they say none."""
    given: dict[str, Any] = {} if default is None else {"default": default}
    return tyro.cli(kind, args=words, prog=prog, description=description, **given)


def _table_of_presets() -> Table:
    table = Table("preset", "what it trains", "updates")
    for name, (config, description) in PRESETS.items():
        table.add_row(name, description, f"{config.num_updates:,}")
    table.caption = "minimax-eqx presets NAME shows the values of one."
    return table


def _table_of(name: str) -> Table:
    """Those options of a preset that have an effect in it."""
    chosen, defaults = preset(name), dict(leaves(Config()))
    idle = {option for effect in EFFECTS if not effect.holds(chosen) for option in effect.options}
    table = Table(title=PRESETS[name][1])
    table.add_column("option", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("by default", overflow="fold")
    for option, value in leaves(chosen):
        if option not in idle:
            other = "" if value == defaults[option] else _shown(defaults[option])
            table.add_row(f"--{option.replace('_', '-')}", escape(_shown(value)), escape(other))
    return table


def _shown(value: object) -> str:
    return (" ".join(value) or "none") if isinstance(value, tuple) else str(value)


def _refuse_mistakes(work: Callable[[], int]) -> int:
    """Runs `work`; what is wrong with the words becomes one message and an exit code."""
    try:
        return work()
    except (ValueError, OSError) as error:
        return fail(str(error), USAGE_ERROR)
