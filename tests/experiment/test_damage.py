"""A run whose files are damaged goes on from a right state, or says in one line what is wrong.

`NUM_DAMAGES=200 pytest -m slow tests/experiment/test_damage.py -s` is the long form, and prints
what came of each kind of damage.
"""

import collections
import dataclasses
import functools
import json
import os
import pathlib
import random
import shutil

import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx._report import _page, _run
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import _taking_up, _train
from minimax_eqx.experiment._hooks import Progressed
from minimax_eqx.recipes import maze

from .tiny import SMALL, arrays, train, with_changes

NUM_DAMAGES = int(os.environ.get("NUM_DAMAGES", "8"))
SEED = int(os.environ.get("DAMAGE_SEED", "1"))
BEGUN, LAST = 8, 12
CHANGES = {
    **{name: v for name, v in SMALL.items() if name not in ("num_walls", "num_spare_levels")},
    **{"num_updates": BEGUN, "log_every": 2, "checkpoint_every": 2, "keep_checkpoints": 3},
    **{"evaluate_every": 4, "mazes": ("Crossing",), "max_episode_steps": 8},
    **{"capacity": 6, "num_edits": 2, "min_fill_ratio": 0.1},
}


@dataclasses.dataclass(frozen=True)
class Runs:
    """A run to be damaged, two others, and what the first one is like at each cycle to come."""

    path: pathlib.Path
    others: list[pathlib.Path]
    states: dict[int, dict]


@pytest.fixture(scope="module", autouse=True)
def _what_is_slow_is_done_once():
    """Episodes are not drawn, and shapes of a runner are found once for each experiment."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.lru_cache(maxsize=8)(_train.making)
        for module in (_train, _taking_up, _run):
            patch.setattr(module, "making", once)
        drawn = [s for s in _page.SECTIONS if "_episodes" not in s[0].__module__]
        patch.setattr(_page, "SECTIONS", tuple(drawn))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root, states = tmp_path_factory.mktemp("damage"), {}
    experiment = maze.accel(**CHANGES)

    def keep(event):
        if isinstance(event, Progressed):
            states[event.ledger.cycle] = arrays(event.runner)

    of = {"run": {}, "longer": {"num_updates": LAST}, "other": {"seed": 2}}
    for name, changes in of.items():
        hooks = [mx.experiment.WriteReport(), *([keep] if name == "longer" else [])]
        train(with_changes(experiment, changes), root / name, hooks=hooks)
    return Runs(root / "run", [root / "longer", root / "other"], states)


def some_files(folder):
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())


def flip(path, chance, runs):
    content = bytearray(path.read_bytes()) or bytearray(b"0")
    for _ in range(chance.choice([1, 1, 4, 64])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncate(path, chance, runs):
    os.truncate(path, chance.randrange(path.stat().st_size or 1))


def delete(path, chance, runs):
    path.unlink()


def empty(path, chance, runs):
    path.write_bytes(b"")


def garble(path, chance, runs):
    path.write_bytes(chance.randbytes(chance.choice([1, 100, 10_000])))


def replace(path, chance, runs):
    folder = runs.path
    others = [p for p in some_files(folder) if p.name != path.name]
    alike = [p for p in others if p.suffix == path.suffix]
    shutil.copyfile(folder / chance.choice(alike or others), path)


def swap(path, chance, runs):
    """The file of the same name in another run, or one of the same kind."""
    other = chance.choice(runs.others)
    files = [p for p in some_files(other) if p.name == path.name]
    files = files or [p for p in some_files(other) if p.suffix == path.suffix]
    shutil.copyfile(other / chance.choice(files), path)


def occupy(path, chance, runs):
    """A folder stands in its place."""
    path.unlink()
    path.mkdir()


def rewrite(path, chance, runs):
    """What a program may have written: a file of the same form, with something else in it."""
    if path.suffix == ".csv":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        column = chance.randrange(len(rows[0]))
        change = chance.choice(["column", "rows", "words", "twice"])
        if change == "column":
            rows = [row[:column] + row[column + 1 :] for row in rows]
        elif change == "rows":
            rows = [rows[0], *chance.sample(rows[1:], len(rows) - 1)]
        elif change == "words":
            rows[-1][column] = chance.choice(["", "text", "nan", "-1", "1e300"])
        else:
            rows.append(rows[-1])
        path.write_text("".join(f"{','.join(row)}\n" for row in rows))
    elif path.suffix == ".json":
        content = inner = json.loads(path.read_text())
        for _ in range(chance.randrange(4)):
            names = [name for name, value in inner.items() if isinstance(value, dict) and value]
            inner = inner[chance.choice(names)] if names else inner
        new = chance.choice([None, [], {}, "text", -1, 10**30, True, [[]], {"class": "text"}])
        name = chance.choice(list(inner))
        inner[name] = new
        if chance.random() < 0.3:
            del inner[name]
        path.write_text(json.dumps(new if chance.random() < 0.1 else content))
    else:
        flip(path, chance, runs)


DAMAGES = (rewrite, rewrite, flip, truncate, delete, empty, garble, replace, swap, occupy)


def damaged(runs, path, chance):
    """Makes a damaged copy of the run. Returns the kind of damage, and what was hit."""
    shutil.copytree(runs.path, path)
    damage = chance.choice(DAMAGES)
    files = [f for f in some_files(path) if damage is not rewrite or f.suffix in (".csv", ".json")]
    checkpoints = [file for file in files if file.suffix == ".npz" and len(file.parts) > 1]
    chosen = chance.sample(files, chance.choice([1, 1, 2]))
    if checkpoints and chance.random() < 0.4:
        chosen = chance.sample(checkpoints, chance.randint(1, len(checkpoints)))
    for file in chosen:
        damage(path / file, chance, runs)
    return damage.__name__, sorted(map(str, chosen))


def whole_checkpoints(runs, path):
    """The cycles of checkpoints that are as they were."""
    files = (runs.path / "checkpoints").iterdir()
    return sorted(
        int(file.stem)
        for file in files
        if (there := path / "checkpoints" / file.name).is_file()
        and there.read_bytes() == file.read_bytes()
    )


# How often each command is tried, since some of them compile.
COMMANDS = {
    "resume": (0.5, ["--num-updates", str(LAST)]),
    "report": (0.5, []),
    "compare": (1.0, []),
    "evaluate": (0.15, ["--num-unseen-levels", "2"]),
    "export": (0.15, []),
}


def load(runs, path, caplog):
    """Loads a damaged run. Returns in a word what came of it: never a wrong state."""
    newest, whole = whole_checkpoints(runs, runs.path)[-1], whole_checkpoints(runs, path)
    caplog.clear()
    try:
        runner = mx.load(path)[1]
    except (ValueError, OSError) as error:
        return "error" if len(str(error).splitlines()) == 1 else str(error)
    cycle = int(runner.num_cycles)
    np.testing.assert_equal(arrays(runner), runs.states[cycle])
    assert cycle >= max(whole, default=0)
    is_there = (path / "checkpoints" / f"{newest}.npz").is_file()
    assert cycle == newest or not is_there or f"{newest}.npz" in caplog.text
    return "right" if cycle == newest else "an older one"


def call(runs, path, command, words, capsys):
    """Calls a command on a damaged run. Returns in a word what came of it, which takes one line for
    each thing that is to be said."""
    code = main([command, str(path), *words])
    lines = capsys.readouterr().err.splitlines()
    kinds = [line.partition(": ")[0] for line in lines]
    assert code in (0, 2)
    assert set(kinds) <= {"warning", "error"}
    assert kinds[-1:].count("error") == kinds.count("error") == (code == 2)
    if code == 0 and command == "resume":
        runner = mx.load(path)[1]
        np.testing.assert_equal(arrays(runner), runs.states[int(runner.num_cycles)])
        assert int(runner.students.num_updates[0]) == LAST
        cycles = [row["cycle"] for row in RunFolder(path).metrics().read()]
        assert cycles == sorted(runs.states) or any("metrics.csv" in line for line in lines)
    return "error" if code else "warning" if lines else "nothing said"


def test_a_damaged_run_is_loaded_as_it_was_or_an_older_one_is_told(finished, tmp_path, caplog):
    path = finished[0].folder.path
    states = {cycle: arrays(mx.load(path, checkpoint=cycle)[1]) for cycle in (4, 8)}
    runs, results = Runs(path, [path], states), set()
    for number in range(16):
        damaged(runs, tmp_path / f"{number}", random.Random(number))
        results.add(load(runs, tmp_path / f"{number}", caplog))
    assert results == {"right", "an older one", "error"}


@pytest.mark.slow
def test_what_is_damaged_is_told_or_does_no_harm(runs, tmp_path, capsys, caplog):
    counts, faults = collections.Counter(), []
    for number in range(NUM_DAMAGES):
        chance = random.Random(f"{SEED} {number}")
        tried = [name for name, (share, _) in COMMANDS.items() if chance.random() < share]
        for command in ("load", *tried):
            # The same damage for each command.
            path = tmp_path / f"{number}-{command}"
            kind, hit = damaged(runs, path, random.Random(f"{SEED} {number}"))
            try:
                if command == "load":
                    result = load(runs, path, caplog)
                else:
                    result = call(runs, path, command, COMMANDS[command][1], capsys)
            except Exception as error:
                result = "a fault"
                faults.append(f"{number} {kind} {' '.join(hit)}: {command} {error!r:.500}")
            capsys.readouterr()
            counts[kind, command, result] += 1
            shutil.rmtree(path)
    with capsys.disabled():
        for about, count in sorted(counts.items()):
            print(f"{count:>4} {': '.join(about)}")
        print(*faults, sep="\n")
    assert not faults
