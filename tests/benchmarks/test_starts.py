"""Starts of another checkout and this one, measured by turns."""

import itertools

import pytest

from benchmarks import starts
from benchmarks.__main__ import main


def test_each_has_its_turns_and_the_first_of_each_is_not_counted(monkeypatch, tmp_path, capsys):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "startup.py").touch()
    began = []

    def start(recipe, environment, checkout):
        began.append((checkout, environment.get("JAX_COMPILATION_CACHE_DIR")))
        seconds = 99.0 if len(began) % 6 in (1, 2) else 2.0 if checkout == tmp_path else 3.0
        return {"imported": 1.0, "created": 1.5, "first_update": seconds}

    monkeypatch.setattr(starts, "start", start)
    monkeypatch.setattr(starts, "_processor", itertools.count().__next__)
    assert main(["starts", "--with", str(tmp_path), "--starts", "2"]) == 0
    assert [checkout for checkout, _ in began] == [tmp_path, starts.HERE] * 6
    # Cold starts have no cache of compiled programs, and others one for each checkout.
    assert [len({cache for _, cache in began[i : i + 6]}) for i in (0, 6)] == [1, 2]
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if "first_update" in line]
    assert [line[-1] for line in lines] == ["1.500", "1.500"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--with", "nowhere"], "is no checkout"), (["--with", ".", "--starts", "0"], "at least 1")],
)
def test_starts_that_cannot_be_measured_are_refused(capsys, arguments, complaint):
    assert main(["starts", *arguments]) == 2
    assert complaint in capsys.readouterr().err
