"""What the terminal shows while a run goes on."""

import contextlib
import math
import sys

import pytest
from rich.console import Console

from minimax_eqx.cli._progress import Terminal
from minimax_eqx.experiment import Progressed, Started
from minimax_eqx.experiment._hooks import Compiled, Stopping
from minimax_eqx.experiment._ledger import Ledger

from .tiny import experiment

HEADING = "Training quickstart in runs/[a]"
START = 1


def shown(finished, rows, capsys, *, terminal=False, num_updates=8, start=START):
    """What is printed about these rows of a run, each over a row of a real one."""
    outcome, recorder = finished
    console = Console(file=sys.stdout, force_terminal=terminal, width=80)
    with contextlib.closing(Terminal(console, HEADING)) as show:
        made_of = experiment(num_updates=num_updates)
        show(Started(made_of, outcome.folder, outcome.runner, Ledger(updates=start)))
        show(Compiled(1.0))
        for row in rows:
            show(Progressed(outcome.runner, outcome.ledger, {**recorder.rows[0], **row}, {}))
        show(Stopping())
        show(Stopping(is_trained=True))
    return capsys.readouterr().out


@pytest.mark.parametrize("terminal", [True, False])
def test_the_terminal_shows_progress_in_lines_that_fit(terminal, finished, capsys):
    rows = [{**row, "return": 0.5, "success_rate": 0.25} for row in finished[1].rows]
    out = shown(finished, rows, capsys, terminal=terminal)
    assert "return 0.50  success 25%" in out
    assert "steps/s" in out
    assert "8/8" in out if terminal else "update 8 of 8" in out
    assert "Stopping after this log interval; Ctrl-C again" in out
    assert "the evaluation at its end goes on; Ctrl-C again" in out


def test_the_first_line_says_what_the_run_is(finished, capsys):
    assert shown(finished, [], capsys).splitlines()[0] == HEADING


def test_a_log_says_that_it_waits_for_the_compiler(finished, capsys):
    lines = shown(finished, [], capsys).splitlines()
    assert lines.index("compiling") + 1 == lines.index("compiled in 1.0 s")
    assert "compiling" not in shown(finished, [], capsys, num_updates=8, start=8)


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        ({"return": math.nan, "success_rate": math.nan}, "return not measured  success not meas"),
        ({"return": 0.5, "success_rate": math.nan}, "return 0.50  success not measured"),
        ({"return": math.nan, "success_rate": 0.25}, "return not measured  success 25%"),
    ],
)
def test_what_was_not_measured_is_said(measured, text, finished, capsys):
    assert text in shown(finished, [{**measured, "updates": 8}], capsys)


def test_the_filling_of_the_level_buffer_is_shown_while_nothing_is_learned(finished, capsys):
    start = START
    waiting = [
        {"updates": start, "updated": 0.0, "buffer_fill_ratio": ratio}
        for ratio in (0.08, 0.12, 0.12)
    ]
    learning = {"updates": start + 1, "updated": 0.5, "buffer_fill_ratio": 0.5}
    lines = shown(finished, [*waiting, learning], capsys).splitlines()
    assert [line for line in lines if "filling the level buffer: 8%" in line]
    assert sum("filling the level buffer: 12%" in line for line in lines) == 1
    assert not any("filling the level buffer: 50%" in line for line in lines)


def test_a_search_for_levels_is_shown_while_nothing_is_learned(finished, capsys):
    searching = {"updated": 0.0, "searching": 1.0, "buffer_fill_ratio": 0.5}
    row = {"updates": START, **searching}
    assert shown(finished, [row, row], capsys).count("searching for levels") == 1


def test_an_interval_that_goes_beyond_the_end_is_not_a_part_of_it(finished, capsys):
    out = shown(finished, [{"updates": 20}], capsys, num_updates=15, start=20)
    # Where it goes on, and where it is.
    assert out.count("update 20 (15 were asked for)") == 2
    assert "20 of 15" not in out
