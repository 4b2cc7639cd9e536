"""Another program and this one, measured by turns."""

import json
import shlex
import sys

import pytest

from benchmarks import comparison, machine, turns
from benchmarks.__main__ import main

OTHER = {
    "program": "An Other",
    "version": "1.2",
    "machine": {"matrix_product_gflops": 200.0},
    "lines": {"maze-dr, cycle": 1.5},
}


@pytest.fixture
def measured(monkeypatch):
    """The parts that were measured, which take no time."""
    parts = []

    def measure_apart(name, limits):
        parts.append(name)
        lines = {"cycle": {"seconds": 1.0}, "update": {"left_out": "too long"}}
        return {"timings": lines, "machine": {"matrix_product_gflops": 201.0}}

    monkeypatch.setattr(turns, "measure_apart", measure_apart)
    return parts


def command(text):
    return f"{sys.executable} -c {shlex.quote(f'print({text!r})')}"


def test_each_has_its_turns_and_the_page_their_ratio(measured, tmp_path, capsys):
    program = command("a log\n" + json.dumps(OTHER))
    arguments = ["turns", "maze-dr", "--with", program, "--rounds", "2", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert measured == ["maze-dr", "maze-dr"]
    kept = comparison.read(tmp_path / "compared" / "an-other.json")
    assert [turn.ours for turn in kept.turns] == [True, False, True, False]
    assert kept.turns[0].lines == {"maze-dr, cycle": 1.0}
    assert "maze-dr, cycle: 1.50x" in capsys.readouterr().out
    assert (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--with", command("no JSON")], "not JSON"),
        (["--with", command(json.dumps(OTHER)), "--rounds", "0"], "it must be at least 1"),
        (["--with", f"{sys.executable} -c {shlex.quote('exit(3)')}"], "exit status 3"),
    ],
)
def test_a_program_that_cannot_be_measured_leaves_nothing(
    measured, tmp_path, capsys, arguments, complaint
):
    assert main(["turns", "maze-dr", *arguments, "--out", str(tmp_path)]) == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_copy_without_its_history_is_called_what_it_is_told(monkeypatch):
    monkeypatch.setenv(machine.COMMIT, "abc1234-dirty")
    assert machine.commit() == "abc1234-dirty"


def test_a_folder_without_history_or_name_has_an_unknown_commit(monkeypatch, tmp_path):
    monkeypatch.delenv(machine.COMMIT, raising=False)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.commit() == "unknown"
