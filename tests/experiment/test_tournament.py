"""A tournament of runs on disk: written down, killed, gone on with."""

import dataclasses

import pytest

import minimax_eqx as mx
from minimax_eqx._files import FolderError
from minimax_eqx._folder._exchanges import exchanges_in
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.cli._tournament import show_tournament
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.experiment import sweep
from minimax_eqx.runners import Tournament

from .test_sweep import no_report
from .tiny import EXPERIMENT, assert_same_state, rows, with_changes

RATE = "student.optimiser.learning_rate"
EVERY_4 = Tournament(every=4, num_levels=64)


def points(**changes):
    """Two learning rates, of which one soon makes another policy, with two seeds each."""
    return {
        f"rate-{rate}_seed-{seed}": with_changes(
            EXPERIMENT, {"learning_rate": rate, "seed": seed, **changes}
        )
        for rate in (0.3, 1e-4)
        for seed in (1, 2)
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    path = tmp_path_factory.mktemp("tournaments") / "sweep"
    return sweep(points(), path, hooks=no_report, tournament=EVERY_4), path


@pytest.mark.slow
def test_who_copied_whom_is_written_down_and_shown(played, capsys):
    from rich.console import Console

    outcome, path = played
    assert set(outcome.finished) == set(points())
    found = exchanges_in(path).read()
    assert any(row["copied_from"] for row in found)
    assert [row["cycle"] for row in found] == [4] * 4
    assert [row["run"] for row in found] == list(points())
    for row in found:
        assert row["copied_from"] is None or row["copied_from"] in points()
        # After the exchange nothing else changed it.
        runner = mx.load(path / row["run"])[1]
        rate = float(runner.experiment.student.optimiser.learning_rate)
        assert row[RATE] == pytest.approx(rate, rel=1e-6)
    show_tournament(Console(width=200), path, outcome.finished)
    shown = capsys.readouterr().out
    assert "learning_rate now" in shown
    assert all(name in shown for name in points())


class Killed(BaseException):
    """As if the process had been killed."""


@pytest.mark.slow
@pytest.mark.parametrize("cycle", [4, 6, 8])
def test_a_tournament_that_was_killed_goes_on_bit_for_bit(cycle, played, tmp_path):
    _, straight = played
    last = list(points())[-1]

    def kill(event):
        # Before the last run is saved, when the others are.
        if isinstance(event, mx.experiment.Progressed) and event.ledger.cycle == cycle:
            raise Killed

    def hooks(name):
        return (kill,) if name == last else ()

    with pytest.raises(Killed):
        sweep(points(), tmp_path, hooks=hooks, tournament=EVERY_4)
    outcome = sweep(points(), tmp_path, hooks=no_report, tournament=EVERY_4)
    assert set(outcome.finished) == set(points())
    for name in points():
        assert_same_state(mx.load(tmp_path / name)[1], mx.load(straight / name)[1])
        assert rows(tmp_path / name) == rows(straight / name)
    assert exchanges_in(tmp_path).read() == exchanges_in(straight).read()


@pytest.mark.slow
def test_a_tournament_that_is_over_does_nothing_and_stays_what_it_was(played):
    _, path = played
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}
    again = sweep(points(), path, hooks=no_report, tournament=EVERY_4)
    assert set(again.finished) == set(points())
    with pytest.raises(FolderError, match="holds the runs of another tournament"):
        sweep(points(), path, tournament=Tournament(every=2))
    with pytest.raises(FolderError, match="holds the runs of a tournament"):
        sweep(points(), path)
    assert all(file.stat().st_mtime_ns == time for file, time in before.items())


def test_runs_that_were_trained_without_it_are_refused(tmp_path):
    name = next(iter(points()))
    with RunFolder(tmp_path / name).begun(points()[name]):
        pass
    with pytest.raises(FolderError, match="was trained without this tournament"):
        sweep(points(), tmp_path, tournament=EVERY_4)


def with_generator(experiment, generator):
    curriculum = dataclasses.replace(experiment.curriculum, generator=generator)
    return dataclasses.replace(experiment, curriculum=curriculum)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda p: dict(list(p.items())[:3]), {}, "at least 4 members, and here are 3"),
        (
            lambda p: {
                n: with_generator(e, RandomWalls(num_walls=i)) for i, (n, e) in enumerate(p.items())
            },
            {},
            "differ in curriculum.generator.num_walls, which makes them different programs",
        ),
        (lambda p: p, {"at_once": 2}, "at_once is 2; all runs of a tournament are in one program"),
        (lambda p: p, {"tournament": Tournament(every=3)}, "every 3 cycles .* log_every=2"),
        (lambda _: points(keep_checkpoints=2), {}, "keep_checkpoints is 2; .* at least 3"),
    ],
)
def test_runs_that_cannot_have_one_are_refused_before_anything_is_written(
    change, options, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        sweep(change(points()), tmp_path / "sweep", **{"tournament": EVERY_4, **options})
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "2"], "--workers cannot be had with --tournament-every"),
        (["--tournament-share", "0.9"], "--tournament-share is 0.9; it must be between 0 and 0.5"),
        (["--seeds", "1..3"], "at least 4 members, and here are 3"),
        (["--num-walls", "3,4"], "num_walls, which makes them different programs"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "maze-dr", "--tournament-every", "100", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
