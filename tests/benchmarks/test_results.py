"""The page of results, and another program's timings on it."""

import json
import shutil

import pytest

from benchmarks import comparison, page, turns, worlds
from benchmarks.__main__ import main
from benchmarks.parts import RESULTS

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


def turn(minute, ours, seconds, rate=200.0):
    """A turn of one minute."""
    return {
        "ours": ours,
        "begun": f"2026-01-01T12:{minute:02}:00+00:00",
        "ended": f"2026-01-01T12:{minute + 1:02}:00+00:00",
        "matrix_product_gflops": rate,
        "lines": {"maze-dr, cycle": seconds},
    }


def test_another_programs_seconds_of_another_moment_stand_beside_ours_without_a_ratio(
    folder, write
):
    assert main(["page", "--out", str(folder), "--compare", str(write(OTHER))]) == 0
    text = (folder / "README.md").read_text()
    assert "| other 1.2, at 100 GFLOP/s |" in text
    assert "| 50% |  | 2 s |" in text
    assert "by turns |" not in text


def test_a_ratio_of_turns_is_the_median_over_neighbours(folder, write):
    turns = [turn(0, True, 1.0), turn(2, False, 1.5), turn(4, True, 1.2), turn(6, False, 2.4)]
    path = write(OTHER | {"turns": turns})
    assert comparison.read(path).ratio("maze-dr, cycle") == pytest.approx(1.5)
    assert main(["page", "--out", str(folder), "--compare", str(path)]) == 0
    assert "| 2 s | 1.50x |" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [turn(0, True, 1.0), turn(2, False, 2.0)],
        [turn(0, True, 1.0), turn(2, True, 1.0), turn(4, True, 1.0)],
        [turn(0, True, 1.0), turn(20, False, 2.0), turn(40, True, 1.0)],
        [turn(0, True, 1.0), turn(2, False, 2.0, rate=190.0), turn(4, True, 1.0)],
    ],
    ids=["none", "one pair", "one program", "far apart", "another rate"],
)
def test_there_is_no_ratio_of_what_differs_in_more_than_the_program(write, turns):
    assert comparison.read(write(OTHER | {"turns": turns})).ratio("maze-dr, cycle") is None


def test_the_turns_of_two_programs_are_kept_with_the_medians_of_the_other(write):
    other = comparison.read(write(OTHER))
    taken = [turn(m, m % 4 == 0, 1.0 + m, 200.0 + m) for m in (0, 2, 4, 6, 8, 10)]
    kept = comparison.read(write(turns.merged(other, taken)))
    assert (kept.program, kept.gflops) == ("other", 206.0)
    assert kept.lines == {"maze-dr, cycle": 7.0}
    assert len(kept.turns) == 6


def test_the_committed_page_is_made_from_the_files_beside_it(tmp_path):
    copy = shutil.copytree(RESULTS, tmp_path / "results")
    assert page.write(copy).read_text() == (RESULTS / page.PAGE).read_text()


def test_the_page_says_that_no_accelerator_was_measured(folder):
    assert "Nothing was measured on one yet." in page.write(folder).read_text()


def test_an_accelerators_results_stand_beside_a_cpus_with_device_date_and_commit(folder):
    on_gpu = {
        "part": "cycles",
        "small": False,
        "outcome": "finished",
        "timings": {
            "maze-dr, 32 levels, cycle": LINE | {"seconds": 0.05, "beside": "maze-dr, cycle"},
            "maze-dr, 4096 levels": {"failed": "no memory"},
        },
        "machine": MACHINE | {"device": "Fast 80GB", "devices": 1, "commit": "abc1234"},
    }
    for name, small in (("cycles", False), ("env", True)):
        path = folder / "accelerator" / "fast-80gb" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(on_gpu | {"part": name, "small": small}))
    text = page.write(folder).read_text()
    assert "### 1 x Fast 80GB: cycles" in text
    assert "2026-01-01, commit abc1234, jax 0.10; finished." in text
    assert (
        "| maze-dr, 32 levels, cycle | 0.05 s | 0.4 s | 16,384 steps/s | 50% |  | 0.5 s |" in text
    )
    assert "| failed: no memory |" in text
    assert "Fast 80GB: env" not in text


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
        (OTHER | {"turns": {}}, '"turns" must be a list'),
        (OTHER | {"turns": [{}]}, 'whether it is "ours"'),
        (OTHER | {"turns": [turn(0, True, 1.0, rate=0.0)]}, "not positive"),
        (OTHER | {"turns": [turn(0, True, 1.0) | {"begun": "noon"}]}, "with its offset"),
        (OTHER | {"turns": [turn(0, True, 1.0) | {"ended": "2026-01-01T12:00"}]}, "its offset"),
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


def test_worlds_whose_packages_are_not_installed_keep_their_lines():
    earlier = {"timings": {"brax, adapter": {"seconds": 1.0}, "xland, adapter": {"seconds": 2.0}}}
    measured = {"timings": {"kinetix, adapter": {}, "brax, adapter": {}}, "machine": {"jax": "1"}}
    kept = worlds.with_others(measured, earlier)
    assert kept["machine"] == {"jax": "1"}
    assert list(kept["timings"].items()) == [
        ("brax, adapter", {}),
        ("kinetix, adapter", {}),
        ("xland, adapter", {"seconds": 2.0}),
    ]


def test_the_readme_has_the_figures_of_the_page():
    text = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8")
    cycle = json.loads((RESULTS / "maze-dr.json").read_text())["timings"]["cycle"]
    seeds = json.loads((RESULTS / "members.json").read_text())["timings"]["8 seeds, side by side"]
    assert f"does {cycle['utilisation']:.0%} of what one large matrix product does" in text
    assert f"eight seeds as one program take {seeds['ratio']:.1f} times as long as one" in text
