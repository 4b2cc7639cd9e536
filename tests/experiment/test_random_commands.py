"""Commands that are made at random: a wrong one is one line that names the option, a right one
trains, saves and goes on.

The long form, which prints what it tried, is

    NUM_COMMANDS=300 NUM_COMPOSITIONS=100 pytest -m slow tests/experiment/test_random_commands.py
"""

import collections
import contextlib
import dataclasses
import itertools
import math
import os
import random
import shutil
import typing

import equinox as eqx
import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx._composition._draft import (
    Given,
    choose,
    draft_of,
    made,
    matching,
    options_of,
    short_name,
)
from minimax_eqx._composition._parts import Parts, fields_of
from minimax_eqx._packages import PackageError
from minimax_eqx.cli import _sweeping as sweeping
from minimax_eqx.cli._commands import module_of
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import TrainingError, _train
from minimax_eqx.recipes._known import RECIPES
from minimax_eqx.runners import _ahead as ahead
from minimax_eqx.runners._runner import run

from .tiny import arrays, resume, tiny, train, with_changes

NUM_COMMANDS = int(os.environ.get("NUM_COMMANDS", "60"))
NUM_COMPOSITIONS = int(os.environ.get("NUM_COMPOSITIONS", "3"))
LENGTH = {"num_updates": 1, "log_every": 1, "checkpoint_every": 1}
SEED = int(os.environ.get("COMMAND_SEED", "1"))
COMMANDS = ("train", "train", "train", "sweep")


class Accepted(Exception):
    """A command was understood, and would have begun to compute."""


@pytest.fixture
def nothing_is_computed(tmp_path, monkeypatch):
    """A run is traced, which it is before there is a folder, and no more."""

    def begin(experiment, path, **_):
        mesh = _train._mesh(experiment)
        run.lower(ahead.zeros(ahead.making(experiment).spec).on(mesh), 2)
        raise Accepted

    def begin_one(experiments, path, **_):
        begin(next(iter(experiments.values())), path)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_train, "train", begin)
    monkeypatch.setattr(sweeping, "sweep", begin_one)


def flag(name):
    return f"--{name.replace('_', '-')}"


def spelt(option, options):
    """An option as somebody would type it."""
    return flag(short_name(option, options))


def has(option, kind):
    """Whether an option takes values of a type."""
    return option.field.plain is not None and kind in (
        option.field.plain,
        *typing.get_args(option.field.plain),
    )


def numbers(options, *kinds):
    return [o for o in options if any(has(o, kind) for kind in kinds) and not has(o, str)]


def misspelt(options, chance):
    """A letter is missing, doubled or another one."""
    while True:
        option = chance.choice(options)
        name = short_name(option, options).replace("_", "-")
        i = chance.randrange(len(name))
        wrong = name[:i] + chance.choice(["", name[i] * 2, "q"]) + name[i + 1 :]
        if not matching(wrong, options) and not wrong.startswith(("-", "no-")):
            return [f"--{wrong}", "1"], f"--{wrong}"


def of_wrong_type(options, chance):
    option = chance.choice(numbers(options, int, float))
    words = ["many", "1;5", "0x1", "1e", "true", "[1]", "1 2"]
    if not has(option, float):
        words += ["1.5", "1e3", "nan", "inf"]
    return [spelt(option, options), chance.choice(words)], option.field.name


def not_finite(options, chance):
    option = chance.choice(numbers(options, float))
    return [spelt(option, options), chance.choice(["nan", "inf", "-inf", "1e999"])], (
        option.field.name
    )


def out_of_range(options, chance):
    option = chance.choice(numbers(options, int))
    return [spelt(option, options), str(chance.choice([-1, -7, -(10**30)]))], option.field.name


def too_large(options, chance):
    option = chance.choice(numbers(options, int))
    return [spelt(option, options), str(10**30)], option.field.name


def no_switch(options, chance):
    option = chance.choice([o for o in options if o.field.plain is bool])
    return [spelt(option, options), chance.choice(["maybe", "2", "none", "0.5"])], option.field.name


def no_choice(options, chance):
    option = chance.choice(
        [o for o in options if typing.get_origin(o.field.plain) is typing.Literal]
    )
    return [spelt(option, options), "another"], option.field.name


def no_value(options, chance):
    option = chance.choice([o for o in options if o.field.plain is not bool])
    return [spelt(option, options), *chance.choice([[], [""]])], option.field.name


def no_part(options, chance):
    option = chance.choice([o for o in options if o.field.kinds])
    known = list(Parts().of(option.field.kinds))
    name = chance.choice(known)
    others = [n for o in options if o.field.kinds for n in Parts().of(o.field.kinds)]
    wrong = [f"{name}x", name.replace("-", "_") + "_"]
    # A suite may be named after mazes, which are called like what makes levels of their kind.
    wrong += [n for n in others if n not in known and option.field.name != "suite"]
    return [spelt(option, options), chance.choice(wrong)], option.field.name


def two_parts(options, chance):
    option = chance.choice([o for o in options if o.field.kinds])
    known = list(Parts().of(option.field.kinds))
    return [spelt(option, options), known[0], known[-1]], option.field.name


def of_another_part(options, chance):
    """An option of a part that is not chosen."""
    names = {option.field.name for option in options}
    while True:
        option = chance.choice([o for o in options if o.field.kinds])
        part = Parts().of(option.field.kinds)
        fields = [f.name for cls in part.values() for f in fields_of(cls) if f.name not in names]
        if fields:
            name = chance.choice(fields)
            return [flag(name), "1"], name


def conflicting(options, chance):
    """Values that are right alone, and not together."""
    there = {option.field.name for option in options}
    found = [
        (["--log-every", "7"], "log_every"),
        (["--num-updates", "3", "--log-every", "4", "--checkpoint-every", "4"], "num_updates"),
        (["--checkpoint-every", "10", "--log-every", "4"], "checkpoint_every"),
        (["--evaluate-every", "3"], "evaluate_every"),
        (["--config", "none.yaml"], "none.yaml"),
        (["--budget", "soon"], "budget"),
        (["--tracker", "wandbb"], "wandbb"),
    ]
    if "mazes" in there:
        found += [(["--mazes", "Labyrinht"], "Labyrinht")]
    if "num_walls" in there and "height" in there:
        found += [(["--height", "5", "--width", "5", "--num-walls", "24"], "num_walls")]
    if "capacity" in there and "num_levels" in there:
        found += [(["--capacity", "3", "--num-levels", "4"], "capacity")]
    return chance.choice(found)


MISTAKES = (
    misspelt,
    of_wrong_type,
    not_finite,
    out_of_range,
    too_large,
    no_switch,
    no_choice,
    no_value,
    no_part,
    two_parts,
    of_another_part,
    conflicting,
)


OF_ANY_COMMAND = (misspelt, of_wrong_type, no_switch, no_value)
OF_A_RUN = ("resume", "evaluate", "compare", "report", "export", "watch", "levels")


def of_a_recipe(kind, chance):
    """A wrong command that trains a recipe, and what its message must name."""
    recipe = chance.choice(list(RECIPES))
    draft = draft_of(RECIPES[recipe]())
    chosen = with_another_part(draft, chance)
    words, named = kind(list(options_of(draft)), chance)
    return [chance.choice(COMMANDS), recipe, *chosen, *words], named


def of_another_command(kind, chance):
    """A wrong option of a command that takes a run, which is not there either."""
    command = chance.choice(OF_A_RUN)
    options = [o for part in module_of(command).options() for o in options_of(draft_of(part))]
    words, named = kind(options, chance)
    return [command, *(["show"] if command == "levels" else []), "nowhere", *words], named


def with_another_part(draft, chance):
    """Chooses a part of a draft anew, at times. Returns how a command says it."""
    options = [option for option in options_of(draft) if option.field.kinds]
    option = chance.choice(options)
    part = chance.choice(list(Parts().of(option.field.kinds)))
    before, given = option.value, Given(option.path, (part,), option.path)
    choose([draft], [given], Parts())
    try:
        made(draft)
    except (ValueError, PackageError):
        # It needs more than a name.
        option.draft.values[option.field.name] = before
        return []
    return [flag(option.path), part]


def composed(recipe, chance):
    """A recipe at the sizes of tests, with another seed and other parts."""
    draft = draft_of(RECIPES[recipe]())
    for _ in range(3):
        with_another_part(draft, chance)
    return with_changes(tiny(made(draft)), {"seed": chance.randrange(1000), **LENGTH})


def wrong(number):
    """The wrong command of a number: its kind, its words, and what its message must name."""
    chance = random.Random(f"{SEED} {number}")
    while True:
        kind = chance.choice(MISTAKES)
        try:
            made_of = of_another_command if kind in OF_ANY_COMMAND else of_a_recipe
            return kind.__name__, *(made_of if chance.random() < 0.5 else of_a_recipe)(kind, chance)
        except IndexError:
            continue  # The recipe has no option of that kind.


def problem(words, named, capsys, folder):
    """What is wrong with how a wrong command is answered; None if nothing is."""
    try:
        code = main(words)
    except Accepted:
        return "it is accepted"
    except Exception as error:
        return f"it raises {error!r:.300}"
    out, err = capsys.readouterr()
    lines = err.splitlines()
    if code != 2:
        return f"it ends with code {code}"
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return f"it prints {out!r:.200} {err!r:.300}"
    if not any(name.replace("-", "_") in err.replace("-", "_") for name in (named, "nowhere")):
        return f"{named} is not named: {err!r:.400}"
    return f"it leaves {list(folder.iterdir())}" if list(folder.iterdir()) else None


@pytest.mark.parametrize(
    "numbers", [range(24), pytest.param(range(24, NUM_COMMANDS), marks=pytest.mark.slow)]
)
def test_a_wrong_command_is_one_line_that_names_the_option(
    numbers, nothing_is_computed, capsys, tmp_path
):
    counts, problems = collections.Counter(), []
    for number in numbers:
        kind, words, named = wrong(number)
        counts[kind] += 1
        found = problem(words, named, capsys, tmp_path)
        capsys.readouterr()
        if found:
            problems.append(f"{kind}: {' '.join(words)}: {found}")
    tell(capsys, [f"{count:>4} {kind}" for kind, count in sorted(counts.items())], problems)
    assert not problems


def tell(capsys, *lines):
    """Prints what was tried and what went wrong, if there is somebody who asked for more."""
    if {"NUM_COMMANDS", "NUM_COMPOSITIONS"} & os.environ.keys():
        with capsys.disabled():
            print(*itertools.chain(*lines), sep="\n")


FINE = ("trained, saved and resumed", "refused in one line", "stopped, since it would never learn")


@pytest.mark.slow
def test_a_right_composition_trains_saves_and_goes_on(tmp_path, capsys):
    counts, problems, number = collections.Counter(), [], 0
    while counts[FINE[0]] < NUM_COMPOSITIONS and len(problems) < 10:
        chance, number = random.Random(f"{SEED} {number} right"), number + 1
        recipe, path = chance.choice(list(RECIPES)), tmp_path / f"{number}"
        try:
            experiment = composed(recipe, chance)
            train(experiment, path)
        except (ValueError, PackageError) as error:
            is_one_line = len(str(error).splitlines()) == 1 and not path.exists()
            result = FINE[1] if is_one_line else f"refused: {error}"
        except TrainingError as error:
            result = FINE[2] if "level buffer is" in str(error) else f"stopped: {error}"
        else:
            result = resumed(experiment, path)
        if result not in FINE:
            problems.append(f"{number} {recipe}: {result}")
        counts[result] += 1
        capsys.readouterr()
    tell(capsys, [f"{count:>4} {result}" for result, count in counts.most_common()], problems)
    assert not problems


def resumed(experiment, path):
    """Trains as much again, and loads what was saved. Returns what came of it."""
    longer = 2 * experiment.rollouts_per_play
    outcome = resume(path, num_updates=longer)
    assert outcome.ledger.updates >= longer
    np.testing.assert_equal(arrays(mx.load(path)[1]), arrays(outcome.runner))
    shutil.rmtree(path)
    return FINE[0]


def parts_in(part, found):
    """A part and all those in it, by their classes."""
    if isinstance(part, eqx.Module):
        found[type(part)] = part
        for field in fields_of(type(part)):
            parts_in(getattr(part, field.name), found)
    return found


def all_parts():
    """A part of each class, of those that recipes have or that need nothing."""
    found = {}
    for recipe in RECIPES.values():
        parts_in(recipe(), found)
    waiting = [field.kinds for cls in found for field in fields_of(cls)]
    for kinds in waiting:
        for cls in Parts().of(kinds).values():
            if cls not in found:
                # Some need other parts, or a package.
                with contextlib.suppress(TypeError, PackageError):
                    found[cls] = cls()
                    waiting += [field.kinds for field in fields_of(cls)]
    return found.values()


def test_every_number_of_every_part_is_refused_where_it_is_none():
    problems, parts = [], all_parts()
    for part in parts:
        for field in fields_of(type(part)):
            is_pair = typing.get_origin(field.plain) is tuple
            has_floats = float in (field.plain, *typing.get_args(field.plain))
            for value in (math.nan, math.inf, -math.inf) if has_floats else ():
                try:
                    dataclasses.replace(part, **{field.name: (value, value) if is_pair else value})
                except ValueError as error:
                    said = str(error)
                else:
                    said = "it is accepted"
                if field.name not in said:
                    problems.append(f"{type(part).__name__}.{field.name} is {value}: {said}")
    assert len(parts) > 80
    assert not problems
