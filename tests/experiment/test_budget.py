"""Runs that end in time, by a clock that the tests move."""

import dataclasses
import logging
import signal

import equinox as eqx
import numpy as np
import pytest

from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.agents import Adam, OverRun, OverSteps
from minimax_eqx.experiment import Evaluated, Progressed, TrainingError, shares_of, sweep
from minimax_eqx.experiment import _own_hooks as own_hooks
from minimax_eqx.experiment._hooks import Compiled, Saved, Stopping, Trained
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.experiment._loop import Telling, train_until
from minimax_eqx.experiment._pace import AsRecorded, ByClock, ByUpdates, Costs, Timing, pace_of
from minimax_eqx.experiment._saving import SaveCheckpoints
from minimax_eqx.runners import Schedule
from minimax_eqx.runners._ahead import making, zeros
from minimax_eqx.runners._share import within_budget

from .tiny import assert_same_state, experiment, resume, rows, train

SECONDS = {Compiled: 20.0, Progressed: 7.0, Saved: 3.0}
EVALUATING = 15.0
BUDGET = 400.0
EXPERIMENT = experiment(
    optimiser=Adam(1e-2, annealing=OverSteps(10)),
    **{"budget": "6m40s", "num_updates": 10_000, "checkpoint_every": 20},
)


class Time:
    """A clock that only the events of a run move; `stop_at` is when somebody stops the run."""

    def __init__(self, stop_at=1e9):
        self.now, self.stop_at, self.events = 1_000.0, stop_at, []

    def __call__(self):
        return self.now

    def evaluate(self, _, runner):
        """In place of the real one, which takes as long to compile as all else here."""
        self.now += EVALUATING
        counts = {"cycle": int(runner.num_cycles), "updates": int(runner.students.num_updates[0])}
        return {**counts, "unseen": None, "held_out": {}}

    def passes(self, event):
        self.events.append(type(event))
        self.now += SECONDS.get(type(event), 0.0)
        if isinstance(event, Progressed) and self.now - 1_000 > self.stop_at:
            self.stop_at = 1e9
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def in_two_parts(tmp_path_factory):
    """A run that was stopped on its way, what the second part of it returned, and both clocks."""
    path = tmp_path_factory.mktemp("budget") / "run"
    first, second = Time(stop_at=200), Time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_hooks, "evaluate", first.evaluate)
        assert train(EXPERIMENT, path, hooks=[first.passes], clock=first).interrupted
        patch.setattr(own_hooks, "evaluate", second.evaluate)
        return path, resume(path, hooks=[second.passes], clock=second), (first, second)


@pytest.fixture(scope="module")
def nothing():
    """A runner of that experiment whose arrays are all 0."""
    return zeros(making(within_budget(EXPERIMENT)).spec)


def counted(path, nothing, budget, clock):
    """A run whose program only counts. Returns what it came to, and the shares it was told."""
    told = []
    schedule = dataclasses.replace(EXPERIMENT.schedule, budget=budget)
    counting = dataclasses.replace(within_budget(EXPERIMENT), schedule=schedule)

    def evaluates(event):
        first = isinstance(event, Progressed) and event.ledger.cycle == 2
        if not first and not isinstance(event, Trained):
            return None
        return Evaluated(event.ledger, clock.evaluate(None, event.runner))

    def counts(runner, num_cycles):
        told.append(float(runner.experiment.student.optimiser.annealing.share))
        counters = (runner.num_cycles + num_cycles, runner.students.num_updates + num_cycles)
        place = lambda runner: (runner.num_cycles, runner.students.num_updates)  # noqa: E731
        return eqx.tree_at(place, runner, counters), {"loss": np.zeros(num_cycles)}

    pace = pace_of(schedule, Timing(clock), 0.0)
    folder = RunFolder(path)
    save = SaveCheckpoints(folder.checkpoints(counting), schedule, None)
    timed = {"pace": pace, "costs": Costs(), "clock": clock}
    run = Telling(counting, folder, Ledger(), [clock.passes, evaluates], save, **timed)
    return train_until(run, nothing, lambda: counts), told


def test_the_loop_ends_in_time_and_tells_parts_how_much_is_over(tmp_path, nothing):
    clock = Time()
    ended, told = counted(tmp_path, nothing, "6m40s", clock)
    assert 0.98 * BUDGET <= clock.now - 1_000 <= BUDGET
    assert clock.events.count(Evaluated) == 2
    assert not ended.interrupted
    assert told == sorted(told)
    assert told[0] == pytest.approx(20 / BUDGET)
    # The last interval begins when at most two fit in.
    assert 1 - 2 * 7 / (BUDGET - 15) <= told[-1] < 1


def test_a_budget_that_compiling_spends_is_too_small(tmp_path, nothing):
    with pytest.raises(TrainingError, match="budget of 19s was over before anything"):
        counted(tmp_path, nothing, "19s", Time())
    with pytest.raises(ValueError, match="a has a budget of 6m40s; the runs of a sweep share"):
        sweep({"a": EXPERIMENT}, tmp_path)


@pytest.mark.slow
def test_a_run_ends_in_time_with_its_evaluation_and_what_it_saves(in_two_parts):
    _, outcome, (first, second) = in_two_parts
    # Of the first one the last row does not know what hooks did after it.
    total = first.now + second.now - 2_000 - SECONDS[Progressed] - SECONDS[Saved]
    assert total == pytest.approx(BUDGET, rel=0.02)
    assert not outcome.interrupted
    assert Stopping in first.events
    assert Stopping not in second.events
    assert outcome.folder.evaluation()["cycle"] == outcome.ledger.cycle
    # In each part twice to know what it takes, and at the end.
    assert len(outcome.folder.evaluations().read()) == 5
    assert outcome.folder.evaluation()["seconds_spent"] == pytest.approx(total)
    spent = [row["seconds_spent"] for row in outcome.folder.metrics().read()]
    assert spent == sorted(spent)
    assert spent[0] == pytest.approx(20.0)


@pytest.mark.slow
def test_what_anneals_follows_the_time_for_training(in_two_parts):
    path, outcome, _ = in_two_parts
    assert outcome.experiment.student.optimiser.annealing == OverRun()
    shares = shares_of(path)
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1
    last = outcome.runner.experiment.student.optimiser.annealing.share
    assert float(last) == pytest.approx(shares[-1])


@pytest.mark.slow
def test_a_run_with_the_recorded_shares_is_the_same(in_two_parts, tmp_path, monkeypatch):
    path, outcome, _ = in_two_parts
    monkeypatch.setattr(own_hooks, "evaluate", Time().evaluate)
    again = train(EXPERIMENT, tmp_path / "again", shares=shares_of(path))
    assert_same_state(again.runner, outcome.runner)
    without_time = [
        [{n: v for n, v in row.items() if n != "seconds_spent"} for row in rows(p)]
        for p in (path, tmp_path / "again")
    ]
    assert without_time[0] == without_time[1]


@pytest.mark.slow
def test_a_budget_that_is_spent_can_be_raised(in_two_parts, monkeypatch):
    path, outcome, _ = in_two_parts
    clock = Time()
    monkeypatch.setattr(own_hooks, "evaluate", clock.evaluate)
    resume(path, hooks=[clock.passes], clock=clock)
    assert Progressed not in clock.events
    assert Compiled not in clock.events
    spent = outcome.folder.evaluation()["seconds_spent"]
    longer = resume(path, budget="7m40s", hooks=[clock.passes], clock=clock)
    assert longer.ledger.cycle > outcome.ledger.cycle
    # It saved nothing from which to tell what that takes.
    assert spent + clock.now - 1_000 == pytest.approx(460, rel=0.02)
    assert longer.folder.experiment().schedule.budget == "7m40s"


@pytest.mark.parametrize("text", ["", "30", "0s", "-5m", "5 m", "1m1h", "soon"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=rf"budget is '{text}'; it must be a time above 0"):
        Schedule(budget=text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("1.5h", 5400)])
def test_a_budget_is_written_as_people_say_it(text, seconds):
    assert Schedule(budget=text).budget_seconds == seconds


def test_the_share_is_what_is_nearest_to_its_end(caplog):
    clock, ledger = Time(), Ledger(cycle=4, updates=30)
    assert ByUpdates(40).share(ledger, Costs()) == 0.75
    assert AsRecorded([0.1, 0.2, 0.3], log_every=2).share(ledger, Costs()) == 0.3
    pace = ByClock(Schedule(num_updates=100, budget="100s"), clock, clock.now, spent=10.0)
    assert pace.share(ledger, Costs()) == 0.3
    clock.now += 30
    assert pace.share(ledger, Costs(evaluating=20.0)) == 0.5
    # It never goes back, and a cheaper ending does not make it.
    assert pace.share(ledger, Costs()) == 0.5
    caplog.set_level(logging.WARNING, "minimax_eqx")
    assert pace.has_room(ledger, Costs(intervals=[99.0, 10.0, 10.0, 30.0], evaluating=30.0))
    assert not pace.has_room(ledger, Costs(intervals=[30.0], evaluating=29.0, saving=2.0))
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "A log interval of 10 cycles takes 30 s"
    ]
