"""Where numbers and pictures of a run go while it trains."""

import datetime
import json
import sys
import types

import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.cli._trackers import trackers_named
from minimax_eqx.experiment._json_lines import WriteEvents

from .tiny import EXPERIMENT, resume, with_changes


class Notebook(mx.experiment.AbstractTracker):
    """Writes down what it is told."""

    def __init__(self, fails_at=None):
        self.told, self.fails_at = [], fails_at

    def _note(self, *what):
        self.told.append(what)
        if what[0] == self.fails_at:
            raise ConnectionError("no network")

    def begin(self, folder, composition):
        self._note("begin", folder.name, composition["seed"])

    def write_numbers(self, numbers, step):
        self._note("numbers", numbers, step)

    def write_picture(self, name, picture, step):
        self._note("picture", name, picture.shape[-1], step)

    def write_film(self, name, frames, step):
        self._note("film", name, len({frame.shape for frame in frames}), step)

    def end(self):
        self._note("end")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What two trackers were told of a run, of which one failed, and the folder of the run."""
    path = tmp_path_factory.mktemp("runs") / "run"
    whole, failing = Notebook(), Notebook(fails_at="numbers")
    experiment = with_changes(EXPERIMENT, {"evaluate_every": 4, "mazes": ("Labyrinth",)})
    mx.train(experiment, path, hooks=[mx.experiment.tracking(t) for t in (whole, failing)])
    return whole.told, failing.told, path


def test_a_tracker_is_told_all_numbers_and_pictures_of_a_run(told):
    whole, _, path = told
    kinds = [kind for kind, *_ in whole]
    rows = RunFolder.open(path).metrics().read()
    assert (kinds[0], kinds[-1]) == ("begin", "end")
    assert whole[0] == ("begin", "run", EXPERIMENT.seed)
    numbers = [(n, step) for kind, *rest in whole if kind == "numbers" for n, step in [rest]]
    train = [(n, step) for n, step in numbers if "train/return" in n or "train/cycle" in n]
    assert [step for _, step in train] == [row["env_steps"] for row in rows]
    assert train[-1][0]["train/loss"] == pytest.approx(rows[-1]["loss"], rel=1e-5)
    evaluated = [n for n, _ in numbers if "evaluation/Labyrinth/success_rate" in n]
    assert len(evaluated) == 2 == kinds.count("picture") == kinds.count("film")
    assert all(np.isfinite(v) for n, _ in numbers for v in n.values())


def test_a_tracker_that_fails_is_dropped_and_the_run_goes_on(told):
    whole, failing, path = told
    assert [kind for kind, *_ in failing] == ["begin", "numbers"]
    assert whole[-1] == ("end",)
    assert (path / "evaluation.json").is_file()


def test_every_event_of_a_run_is_a_line_of_json(told):
    _, _, path = told
    lines = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    names = [line["event"] for line in lines]
    assert [*names[:2], names[-1]] == ["started", "compiled", "finished"]
    assert names.count("progressed") == 4
    assert all(datetime.datetime.fromisoformat(line["time"]).tzinfo for line in lines)
    before = (path / "events.jsonl").read_text()
    resume(path)
    assert (path / "events.jsonl").read_text() == before  # nothing happened
    resume(path, num_updates=10)
    added = (path / "events.jsonl").read_text().removeprefix(before).splitlines()
    assert json.loads(added[0]) | {"time": ""} == {
        **{"time": "", "event": "started", "cycle": 8, "updates": 8}
    }


def test_a_diary_that_cannot_be_written_names_its_file(tmp_path):
    folder = RunFolder(tmp_path / "missing")
    write = WriteEvents(folder)
    with pytest.raises(OSError, match=r"events\.jsonl"):
        write(mx.experiment.Saved(3))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("tensorbord", "There is no tracker 'tensorbord'. Did you mean 'tensorboard'?"),
        (",", "There is no tracker ''."),
        ("wandb", "pip install 'minimax_eqx[wandb]'"),
        ("tensorboard", "pip install 'minimax_eqx[tensorboard]'"),
    ],
)
def test_a_tracker_that_cannot_be_is_refused_before_anything_trains(
    names, message, monkeypatch, tmp_path, capsys
):
    for package in ("wandb", "tensorboardX"):
        monkeypatch.setitem(sys.modules, package, None)
    run = str(tmp_path / "run")
    assert main(["train", "quickstart", "--tracker", names, "--run", run]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_trackers_are_named_after_commas(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", types.ModuleType("wandb"))
    monkeypatch.setitem(sys.modules, "tensorboardX", types.ModuleType("tensorboardX"))
    assert len(trackers_named("wandb, tensorboard,wandb")) == 2
    assert trackers_named(None) == []


def test_tensorboard_gets_numbers_and_pictures(tmp_path):
    pytest.importorskip("tensorboardX")
    tracker = mx.experiment.TensorBoard()
    tracker.begin(tmp_path, {"seed": 1, "env": {"class": "maze"}})
    tracker.write_numbers({"train/return": 0.5}, 10)
    frames = [np.full((4, 6, 3), shade, np.uint8) for shade in (0, 100)]
    tracker.write_picture("levels", frames[0], 10)
    tracker.write_film("episode", frames, 10)
    tracker.end()
    (file,) = (tmp_path / "tensorboard").iterdir()
    content = file.read_bytes()
    assert all(word in content for word in (b"train/return", b"levels", b"GIF89a", b"class: maze"))
