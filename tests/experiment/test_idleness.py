"""A run that comes no nearer to an update is warned of, and stops where it never will."""

import math

import pytest

import minimax_eqx as mx
from minimax_eqx._composition._draft import with_changes
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.experiment import Progressed, Started, TrainingError, _idleness
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.experiment._saving import SaveCheckpoints

from .tiny import rows, tiny, train

MOST = _idleness.CYCLES_WITHOUT_UPDATE
BETWEEN = MOST // 2


@pytest.fixture
def notice(finished, tmp_path):
    """Tells the hook of a run that began, and then of one row after another."""
    made_of, runner = finished[0].experiment, finished[0].runner
    save = SaveCheckpoints(RunFolder(tmp_path).checkpoints(made_of), made_of.schedule, None)
    hook = _idleness.NoticeIdleness(save)
    hook(Started(made_of, RunFolder(tmp_path), runner, Ledger()))

    def tell(cycle, *, updates=0, **row):
        hook(Progressed(runner, Ledger(updates=updates, cycle=cycle), {"return": 0.5, **row}, {}))

    return tell


@pytest.mark.parametrize(
    ("mean_return", "advice"), [(0.5, "min_fill_ratio"), (math.nan, "your episodes end")]
)
def test_a_run_without_updates_is_warned_about_once(notice, caplog, mean_return, advice):
    for cycle in (1, MOST - 1, MOST, 5 * MOST):
        notice(cycle, **{"return": mean_return})
        assert len(caplog.records) == (cycle >= MOST)
    assert advice in caplog.text


@pytest.mark.parametrize(
    ("mean_return", "advice"), [(0.5, "min_fill_ratio"), (math.nan, "your episodes end")]
)
def test_a_buffer_that_gets_no_fuller_stops_the_run(notice, mean_return, advice):
    row = {"return": mean_return, "buffer_fill_ratio": 0.25}
    notice(BETWEEN, **row)
    notice(BETWEEN + MOST - 1, **row)
    with pytest.raises(
        TrainingError,
        match=rf"No update for {MOST + BETWEEN} cycles, .* 25% full, as it was {MOST} .*{advice}",
    ):
        notice(BETWEEN + MOST, **row)


NEARER = {
    "its buffer gets fuller": lambda i: {"buffer_fill_ratio": i / 100},
    "it searches": lambda i: {"buffer_fill_ratio": 0.5, "searching": 1.0},
    "it learns": lambda i: {"buffer_fill_ratio": 0.5, "updates": i},
    "its buffer is full": lambda i: {"buffer_fill_ratio": 1.0},
    "it has no buffer": lambda i: {},
}


@pytest.mark.parametrize("row", NEARER.values(), ids=NEARER)
def test_a_run_that_may_still_learn_goes_on(notice, row):
    for i in range(1, 8):
        notice(i * BETWEEN, **row(i))


def test_a_run_of_too_few_levels_stops_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(_idleness, "CYCLES_WITHOUT_UPDATE", 6)
    few = with_changes(
        tiny(mx.recipes.pendulum.robust_plr()), {"generator": mx.curricula.ADR(), "num_updates": 4}
    )
    with pytest.raises(TrainingError, match=r"level buffer is \d+% full.*lower the buffer's capac"):
        train(few, tmp_path / "run")
    assert rows(tmp_path / "run")[-1]["updates"] == "0"
