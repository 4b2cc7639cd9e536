"""The run folder and its table of metrics."""

import errno
import functools
import json
import math
import os
import pathlib

import numpy as np
import pytest

from minimax_eqx._files import FolderError
from minimax_eqx._folder._metrics_file import MetricsFile
from minimax_eqx._folder._origin import written_by
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx._version import VERSION

from .tiny import EXPERIMENT, change_config, create, files


def test_the_configuration_is_kept_with_the_version_of_the_library(tmp_path):
    folder = create(tmp_path / "a" / "run")
    content = json.loads((folder.path / "config.json").read_text())
    assert content["version"] == VERSION
    assert RunFolder.open(folder.path).experiment() == EXPERIMENT


def test_an_empty_folder_can_be_used(tmp_path):
    create(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "anything"])
def test_a_folder_with_something_in_it_is_refused_and_not_changed(tmp_path, name):
    (tmp_path / name).write_text("{}")
    before = files(tmp_path)
    with pytest.raises(FolderError, match="exists already; nothing was changed"):
        create(tmp_path)
    assert files(tmp_path) == before


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "run").write_text("text")
    with pytest.raises(FolderError, match="exists already"):
        create(tmp_path / "run")


def test_of_two_that_start_at_once_one_is_refused(tmp_path, monkeypatch):
    # Both have looked and found nothing there.
    monkeypatch.setattr(RunFolder, "check_free", lambda self: None)
    create(tmp_path / "run")
    with pytest.raises(FolderError, match="exists already"):
        create(tmp_path / "run")


def test_a_folder_without_a_run_cannot_be_opened(tmp_path):
    with pytest.raises(FolderError, match="There is no run in"):
        RunFolder.open(tmp_path)
    with pytest.raises(FolderError, match="There is no run in"):
        RunFolder.open(tmp_path / "nothing")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", '{"experiment": 3}', '{"experiment": {}}', '{"version": "0"}', "\xff"],
)
def test_a_damaged_configuration_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(FolderError, match=r"config\.json (is damaged|cannot be used)"):
        RunFolder.open(tmp_path).experiment()


def test_a_configuration_with_a_bad_value_is_named(tmp_path):
    folder = create(tmp_path)
    change_config(tmp_path, num_updates=0)
    content = folder.config() | {"version": "9"}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(FolderError, match=r"num_updates is 0.* written by version 9"):
        RunFolder.open(tmp_path).experiment()


def rewrite(folder, version, path, value=None):
    """Makes of config.json what another version wrote, with another value for a field, or none."""
    content = json.loads((folder.path / "config.json").read_text()) | {"version": version}
    *way, last = path.split(".")
    part = functools.reduce(lambda part, name: part[name], way, content["experiment"])
    part.pop(last, None)
    part |= {} if value is None else {last: value}
    (folder.path / "config.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("schedule.keep_best_checkpoints", "schedule.keep_best_checkpoints=1."),
        ("student.optimiser.annealing", "student.optimiser.annealing=null."),
        ("student.value_loss", "student.value_loss=clipped-value-loss."),
    ],
)
def test_a_field_that_an_older_version_did_not_know_has_its_default_and_is_told_once(
    tmp_path, caplog, path, shown
):
    folder = create(tmp_path)
    rewrite(folder, "0.0.1", path)
    assert folder.experiment() == folder.experiment() == EXPERIMENT
    [record] = caplog.records
    text = record.getMessage()
    assert "config.json was written by version 0.0.1 and does not name all fields" in text
    assert f"{VERSION}; these have their defaults: {shown}" in text


@pytest.mark.parametrize("version", [None, 3, "1; echo mine"])
def test_what_is_no_version_is_not_to_be_installed(version):
    assert written_by(version) == f" It does not say which version wrote it; this is {VERSION}."
    assert not written_by(VERSION)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("curriculum.generator", None, "DomainRandomisation has nothing for generator"),
        ("env.power", 3, "env: Maze has no power"),
        ("env.class", "labyrinth", "env: there is no 'labyrinth'"),
    ],
)
def test_what_no_default_can_stand_for_is_refused_with_the_version_to_install(
    tmp_path, path, value, message
):
    folder = create(tmp_path)
    rewrite(folder, "0.0.1", path, value)
    with pytest.raises(FolderError, match=r"^[^\n]*$") as caught:
        folder.experiment()
    about = f"It was written by version 0.0.1; this is {VERSION}. To use it as it is, install that"
    for text in (message, about, "pip install minimax_eqx==0.0.1"):
        assert text in str(caught.value)


def test_only_one_holds_a_folder(tmp_path):
    folder = create(tmp_path / "run")
    with folder.locked(), pytest.raises(FolderError, match="Another process"), folder.locked():
        pass
    assert not folder.is_training()
    with folder.locked():
        assert folder.is_training()


def test_an_evaluation_is_replaced_whole(tmp_path):
    folder = create(tmp_path / "run")
    with pytest.raises(FolderError, match=r"no evaluation\.json yet"):
        folder.evaluation()
    folder.write_evaluation({"cycle": 1})
    folder.write_evaluation({"cycle": 2})
    assert folder.evaluation() == {"cycle": 2}
    assert sorted(p.name for p in folder.path.iterdir()) == [
        ".lock",
        "checkpoints",
        "config.json",
        "evaluation.json",
    ]


def test_two_processes_may_write_an_evaluation_at_once(tmp_path, monkeypatch):
    def fsync(descriptor):
        monkeypatch.undo()
        folder.write_evaluation({"cycle": 2})

    folder = create(tmp_path / "run")
    before = {p.name for p in folder.path.iterdir()}
    monkeypatch.setattr(os, "fsync", fsync)
    folder.write_evaluation({"cycle": 1})
    assert folder.evaluation() == {"cycle": 1}
    assert {p.name for p in folder.path.iterdir()} == before | {"evaluation.json"}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "metrics.csv"
    metrics = MetricsFile(path)
    metrics.append({"cycle": 2, "loss": 0.5})
    metrics.append({"cycle": 4, "loss": math.nan})
    return path


def test_rows_come_back_and_what_was_not_measured_is_nan(table):
    first, second = MetricsFile(table).read()
    assert first == {"cycle": 2, "loss": 0.5}
    assert second["cycle"] == 4
    assert math.isnan(second["loss"])
    assert table.read_text() == "cycle,loss\n2,0.5\n4,\n"


def test_a_row_that_is_there_is_not_written_again(table):
    metrics = MetricsFile(table)
    for cycle in (2, 4, 6):
        metrics.append({"cycle": cycle, "loss": 1.0})
    assert table.read_text() == "cycle,loss\n2,0.5\n4,\n6,1\n"


def test_large_counts_are_written_in_full(table):
    MetricsFile(table).append({"cycle": 6, "loss": 12_345_678_901})
    assert table.read_text().endswith("6,12345678901\n")


@pytest.mark.parametrize("torn", ["6", "6,", "6,0.123"])
def test_a_row_cut_short_is_left_alone_by_readers_and_dropped_by_the_next_row(table, torn):
    with open(table, "a") as file:
        file.write(torn)
    before = table.read_text()
    metrics = MetricsFile(table)
    assert len(metrics.read()) == 2
    assert table.read_text() == before
    metrics.append({"cycle": 6, "loss": 2.0})
    assert table.read_text() == "cycle,loss\n2,0.5\n4,\n6,2\n"


def test_a_header_cut_short_is_written_again(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("cycle,lo")
    MetricsFile(path).append({"cycle": 2, "loss": 0.5})
    assert path.read_text() == "cycle,loss\n2,0.5\n"


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "cycle,b\n1,x\n", "cycle,b\n1\n", "\xff\n"])
def test_what_is_no_such_table_is_refused(tmp_path, content):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(FolderError, match=r"metrics\.csv is damaged"):
        MetricsFile(path)


def test_a_row_with_other_columns_is_written_beside_what_is_there(table):
    metrics = MetricsFile(table)
    metrics.append({"cycle": 6, "entropy": 1.0})
    metrics.append({"cycle": 8, "loss": 2.0, "entropy": 3.0})
    assert table.read_text() == "cycle,loss,entropy\n2,0.5,\n4,,\n6,,1\n8,2,3\n"
    np.testing.assert_equal(MetricsFile(table).read(), metrics.read())
    assert [p.name for p in table.parent.iterdir()] == [table.name]


def test_rows_of_cycles_that_are_repeated_are_dropped_and_the_others_stay_as_they_are(table):
    metrics = MetricsFile(table)
    metrics.append({"cycle": 6, "loss": 0.123456789})
    before = table.read_text()
    metrics.drop_after(6)
    assert table.read_text() == before
    metrics.append({"cycle": 8, "loss": 12_345_678_901})
    metrics.drop_after(6)
    assert table.read_text() == before
    metrics.append({"cycle": 8, "loss": 1.0})
    assert [row["cycle"] for row in MetricsFile(table).read()] == [2, 4, 6, 8]


def test_a_table_without_rows_is_gone_and_may_have_other_columns_next(table):
    metrics = MetricsFile(table)
    metrics.drop_after(0)
    assert not table.exists()
    metrics.append({"cycle": 1, "entropy": 1.0})
    assert table.read_text() == "cycle,entropy\n1,1\n"


def test_a_table_that_a_spreadsheet_has_saved_goes_on(table):
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    MetricsFile(table).append({"cycle": 6, "loss": 1.0})
    rows = MetricsFile(table).read()
    assert [row["cycle"] for row in rows] == [2, 4, 6]
    assert [row["loss"] for row in rows][::2] == [0.5, 1.0]


def test_a_table_on_a_full_disk_is_an_error_that_names_it(table, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    before = table.read_bytes()
    with pytest.raises(OSError, match=r"No space left on device: .*metrics\.csv"):
        MetricsFile(table).append({"cycle": 6, "entropy": 1.0})
    assert table.read_bytes() == before


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "._run", ".nfs00a1", "lost+found"])
def test_a_folder_with_what_other_programs_leave_counts_as_empty(tmp_path, name):
    (tmp_path / name).write_text("theirs")
    create(tmp_path)
    assert (tmp_path / name).read_text() == "theirs"


def test_what_is_left_of_a_run_that_was_killed_before_it_had_a_configuration_counts_as_empty(
    tmp_path,
):
    (tmp_path / ".lock").touch()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / f".config.json.{32 * '0'}.partial").write_text("{")
    assert create(tmp_path).experiment() == EXPERIMENT


@pytest.mark.parametrize("name", ["notes", "4"])
def test_a_folder_with_somebodys_file_where_checkpoints_go_is_not_empty(tmp_path, name):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / name).write_text("mine")
    with pytest.raises(FolderError, match="exists already"):
        create(tmp_path)


def test_a_folder_is_where_its_path_led_when_it_was_made(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    folder = create("runs/mine")
    monkeypatch.chdir("elsewhere")
    assert folder.experiment() == EXPERIMENT
    assert folder.path == tmp_path / "runs" / "mine"


def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    create("~/run")
    assert RunFolder.open(pathlib.Path("~/run")).path == tmp_path / "run"


def test_where_there_is_no_home_no_folder_is_called_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", os.fspath)
    with pytest.raises(FolderError, match=r"~/run is below a home folder, .*set HOME"):
        create("~/run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_could_not_be_begun_is_gone_or_as_it_was(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "there before").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    for name in ("new", "there before"):
        with pytest.raises(OSError, match=r"No space left on device: .*config\.json"):
            create(tmp_path / name)
    assert [p.name for p in tmp_path.rglob("*")] == ["there before"]


def test_only_a_folder_in_which_nothing_was_computed_is_discarded(tmp_path):
    folder = create(tmp_path / "run")
    folder.metrics().append({"cycle": 2, "loss": 1.0})
    before = files(tmp_path)
    folder.discard(and_itself=True)
    assert files(tmp_path) == before
    (folder.path / "metrics.csv").unlink()
    (folder.path / "notes").write_text("mine")
    folder.discard(and_itself=True)
    assert [p.name for p in folder.path.iterdir()] == ["notes"]


def test_a_new_beginning_removes_every_result(tmp_path):
    folder = create(tmp_path / "run")
    for name in ("report.html", "evaluation.json"):
        (folder.path / name).write_text("of another run")
    folder.forget_results()
    assert {p.name for p in folder.path.iterdir()} == {".lock", "checkpoints", "config.json"}
