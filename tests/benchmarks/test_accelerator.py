"""The script for accelerators: what is lost when a part hangs, crashes or runs out of time."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from benchmarks.accelerator import children, plan
from benchmarks.accelerator.__main__ import main
from benchmarks.accelerator.rows import Rows

from . import stub_measure

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def stub(monkeypatch):
    """Parts that take no time, on an accelerator that is none."""
    monkeypatch.setattr(children, "MODULE", stub_measure.__name__)
    monkeypatch.setattr(plan, "LEAST_SECONDS", 0.1)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(stub_measure.DEVICE, "gpu")
    monkeypatch.delenv("OUT", raising=False)


def read(folder):
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def is_running(process):
    status = pathlib.Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_time_limit_costs_only_what_did_not_finish(stub, tmp_path, capsys):
    assert main(["smoke", "cycles", "members", "--limit", "4", "--out", str(tmp_path)]) == 1
    found = read(tmp_path)
    assert found["smoke"]["outcome"] == "finished"
    assert found["cycles"]["outcome"].startswith("stopped at its limit")
    assert found["cycles"]["timings"]["first"]["seconds"] == 1.0
    assert "members" not in found
    assert "Not finished: cycles, members." in capsys.readouterr().err


def test_what_a_part_started_ends_with_it(stub, tmp_path):
    main(["cycles", "--limit", "3", "--out", str(tmp_path)])
    assert not is_running(read(tmp_path)["cycles"]["timings"]["first"]["process"])


def test_a_part_that_crashes_or_fails_says_so_and_the_next_one_runs(stub, tmp_path):
    assert main(["env", "profile", "resets", "--out", str(tmp_path)]) == 1
    found = read(tmp_path)
    assert found["env"]["outcome"] == "ended by SIGKILL"
    assert found["profile"]["outcome"] == "failed with exit status 1"
    assert found["profile"]["errors"] == ["no kernels"]
    assert found["resets"]["outcome"] == "finished"
    assert all(part["timings"] for part in found.values())


def test_results_go_where_out_says(stub, tmp_path, monkeypatch):
    monkeypatch.setenv("OUT", str(tmp_path / "there"))
    assert main(["smoke"]) == 0
    assert set(read(tmp_path / "there")) == {"smoke"}


def test_a_part_for_two_devices_is_left_out_where_there_is_one(stub, tmp_path, capsys):
    assert main(["communication", "--out", str(tmp_path)]) == 0
    assert not read(tmp_path)
    assert "it needs 2 devices" in capsys.readouterr().out


def test_a_cpu_is_refused_but_for_a_test(stub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(stub_measure.DEVICE, "cpu")
    assert main(["smoke", "--out", str(tmp_path)]) == 2
    assert "no accelerator" in capsys.readouterr().err
    assert main(["smoke", "--small", "--out", str(tmp_path)]) == 0


def test_a_missing_package_is_named_before_anything_is_measured(
    stub, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv(stub_measure.DEVICE)
    assert main(["smoke", "--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "No module named 'beartype'" in message
    assert "benchmarks/accelerator/README.md" in message


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["smoky"], "parts are smoke, cycles"), (["--limit", "0"], "must be a positive time")],
)
def test_bad_arguments_are_refused_with_what_is_allowed(stub, capsys, arguments, complaint):
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_the_limits_of_all_parts_together_are_below_a_quarter_of_an_hour():
    fixed = sum(part.seconds or 0 for part in plan.PARTS)
    assert fixed + 50 < plan.TOTAL_SECONDS < 15 * 60


def test_the_part_without_a_limit_gets_what_the_others_leave():
    science = next(part for part in plan.PARTS if part.seconds is None)
    later = plan.PARTS[plan.PARTS.index(science) + 1 :]
    reserved = sum(part.seconds for part in later)
    assert plan.seconds_for(science, later, reserved + 100.0) == 100.0
    assert plan.seconds_for(science, later, reserved + 1.0) == 0.0


def test_a_row_is_on_disk_when_it_is_added_and_a_failed_one_says_why(tmp_path):
    rows = Rows(tmp_path / "part.json", {"part": "part"}, seconds=10.0)
    rows.add("first", {"seconds": 1.0}, beside="env, first")
    with rows.attempt("second"):
        raise RuntimeError("RESOURCE_EXHAUSTED: 90 GB\nand a hundred more lines")
    with rows.attempt("third"):
        rows.add("third", {"seconds": 3.0})
    timings = read(tmp_path)["part"]["timings"]
    assert timings["first"] == {"seconds": 1.0, "beside": "env, first"}
    assert timings["second"] == {"failed": "RuntimeError: RESOURCE_EXHAUSTED: 90 GB"}
    assert timings["third"] == {"seconds": 3.0}
    assert rows.failed == ["second"]


@pytest.mark.exhaustive
def test_the_whole_script_runs_in_small(tmp_path):
    subprocess.run(
        [ROOT / "benchmarks" / "accelerator" / "run", "--small", "--out", tmp_path],
        env={**os.environ, "PYTHON": sys.executable},
        check=True,
    )
    found = read(tmp_path)
    assert set(found) == set(plan.NAMES)
    for name, part in found.items():
        assert part["outcome"] == "finished", name
        assert part["timings"], name
        assert part["machine"]["commit"], name
