"""The page of results, and another program's timings on it."""

import json

import pytest

from benchmarks import comparison, page
from benchmarks.__main__ import main

MACHINE = {
    "matrix_product_gflops": 200.0,
    "cores": 2,
    "processor": "x86_64",
    "backend": "cpu",
    "python": "3.11",
    "jax": "0.10",
    "equinox": "0.13",
    "minimax_eqx": "0.1",
    "date": "2026-01-01",
}
LINE = {"seconds": 0.5, "best_seconds": 0.4, "steps_per_second": 16384.0, "utilisation": 0.5}
OTHER = {
    "program": "other",
    "version": "1.2",
    "machine": {"matrix_product_gflops": 100.0},
    "lines": {"maze-dr, cycle": 2.0},
}


@pytest.fixture
def folder(tmp_path):
    data = {"timings": {"cycle": LINE, "update": {"left_out": "too big"}}, "machine": MACHINE}
    (tmp_path / "maze-dr.json").write_text(json.dumps(data))
    (tmp_path / "learning_curves.json").write_text("{}")
    return tmp_path


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / "given" / "other.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write


def test_the_page_says_what_the_files_say(folder):
    text = page.write(folder).read_text()
    assert "| cycle | 0.5 s | 0.4 s | 16,384 steps/s | 50% |  |" in text
    assert "| update |  |  |  |  | left out: too big |" in text
    assert "jax 0.10" in text
    assert page.write(folder).read_text() == text


def test_another_programs_timings_stand_beside_ours_in_both_units(folder, write):
    assert main(["page", "--out", str(folder), "--compare", str(write(OTHER))]) == 0
    # Four times as long, on a machine of half the speed.
    assert "2 s | 4.00x | 2.00x |" in (folder / "README.md").read_text()
    assert main(["page", "--out", str(folder)]) == 0
    assert "other 1.2" in (folder / "README.md").read_text()


def test_on_a_machine_of_the_same_speed_there_is_one_ratio(folder, write):
    same = OTHER | {"machine": {"matrix_product_gflops": 201.0}}
    other = comparison.read(write(same))
    assert comparison.cells(other, "maze-dr", "cycle", LINE, MACHINE) == ("2 s", "4.00x", "")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        (OTHER | {"program": ""}, '"program" must be a text'),
        (OTHER | {"machine": {}}, '"matrix_product_gflops"'),
        (OTHER | {"lines": {}}, '"lines" must name'),
        (OTHER | {"lines": {"maze-dr, cycle": -1}}, "must be seconds"),
        (OTHER | {"lines": {"maze-dr, circle": 1}}, "it has cycle, update"),
        (OTHER | {"lines": {"maze-da, cycle": 1}}, "begins with no part"),
    ],
)
def test_a_bad_timing_file_is_refused_with_the_reason(folder, write, capsys, data, complaint):
    assert main(["page", "--out", str(folder), "--compare", str(write(data))]) == 2
    assert complaint in capsys.readouterr().err
    assert not (folder / "compared").exists()


def test_a_timing_file_that_is_not_there_is_refused(folder, capsys):
    assert main(["page", "--out", str(folder), "--compare", str(folder / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_an_unknown_part_is_refused_with_those_that_there_are(capsys):
    assert main(["maze-da"]) == 2
    assert "maze-dr" in capsys.readouterr().err
