"""When a run's page is written, and that this stops no run."""

import dataclasses
import shutil

from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import _own_hooks as own_hooks
from minimax_eqx.experiment._hooks import Evaluated, Finished, Ledger, Started, Trained

from .tiny import EXPERIMENT, train


def test_the_page_is_written_at_every_evaluation_and_at_the_end(finished, run_path, caplog):
    runner, folder = finished[0].runner, RunFolder.open(run_path)
    page, hook = run_path / "report.html", own_hooks.WriteReport()
    hook(Started(EXPERIMENT, folder, runner, Ledger()))
    assert not page.exists()
    hook(Evaluated(Ledger(updates=4), folder.evaluation()))
    assert "This run is in progress" in page.read_text()
    page.unlink()
    hook(Evaluated(Ledger(updates=8), folder.evaluation()))
    # The last evaluation is followed by the end.
    assert not page.exists()
    hook(Trained(runner, Ledger(updates=8), False))
    hook(Finished(EXPERIMENT, folder, runner, Ledger(updates=8), False))
    text = page.read_text()
    assert "This run is in progress" not in text
    assert "could not be drawn" not in text
    assert "Level 1 of 2" in text
    assert not caplog.records


def test_the_command_writes_one_page_of_several_runs(run_path, tmp_path, capsys):
    shutil.copytree(run_path, tmp_path / "run-2")
    (tmp_path / "run-3.log").write_text("no run, though the pattern matches it")
    out = tmp_path / "page.html"
    assert main(["report", str(run_path), str(tmp_path / "run-*"), "--out", str(out)]) == 0
    assert f"Written to {out}." in capsys.readouterr().out
    assert "mean of 2 seeds" in out.read_text()


def test_a_page_that_cannot_be_written_stops_no_run(tmp_path, monkeypatch, caplog):
    def fail(run):
        raise RuntimeError("no ink")

    monkeypatch.setattr(own_hooks, "write_report", fail)
    schedule = dataclasses.replace(EXPERIMENT.schedule, evaluate_every=4)
    experiment = dataclasses.replace(EXPERIMENT, schedule=schedule)
    outcome = train(experiment, tmp_path / "run", hooks=[own_hooks.WriteReport()])
    assert outcome.ledger.updates == 8
    warnings = [r.getMessage() for r in caplog.records if "report.html" in r.getMessage()]
    assert warnings == ["report.html was not written: no ink"] * 2
